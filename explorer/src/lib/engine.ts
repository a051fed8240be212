/** Runs exported models in a worker, one request at a time, the live ones before those that can wait. */
import type { Reply, Request, Values } from "../worker";
import ModelWorker from "../worker?worker&inline";

type Job = { request: Request; transfer: Transferable[]; resolve: (reply: Reply) => void; reject: (error: Error) => void };

// As Omit does, but for each member of the union.
type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

export class Engine {
  private worker = new ModelWorker();
  private live: Job[] = [];
  private later: Job[] = [];
  private running: Job | null = null;
  private next = 0;

  constructor(wasm: Uint8Array<ArrayBuffer>) {
    this.worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      const job = this.running!;
      this.running = null;
      if (data.error === undefined) job.resolve(data);
      else job.reject(new Error(data.error));
      this.start();
    };
    this.send({ kind: "start", wasm: wasm.buffer }, false, [wasm.buffer]).catch(() => undefined);
  }

  /** Opens an ONNX graph under a name; returns the names of its inputs and outputs. */
  async open(session: string, bytes: Uint8Array): Promise<string[]> {
    return (await this.send({ kind: "open", session, bytes }, false)).names ?? [];
  }

  /** Runs a graph. What can wait is run when nothing live is waiting. */
  async run(session: string, inputs: Record<string, Values>, outputs: string[], canWait = false): Promise<Record<string, Values>> {
    return (await this.send({ kind: "run", session, inputs, outputs }, canWait)).outputs ?? {};
  }

  private send(request: Without<Request, "id">, canWait: boolean, transfer: Transferable[] = []): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const job = { request: { ...request, id: this.next++ } as Request, transfer, resolve, reject };
      (canWait ? this.later : this.live).push(job);
      this.start();
    });
  }

  private start(): void {
    if (this.running) return;
    const job = this.live.shift() ?? this.later.shift();
    if (!job) return;
    this.running = job;
    this.worker.postMessage(job.request, job.transfer);
  }
}
