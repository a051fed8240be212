/** The thread in which models run, so that the page stays smooth while they do. */
import * as ort from "onnxruntime-web/wasm";

/** A tensor as it crosses between threads. */
export interface Values {
  data: Float32Array | BigInt64Array;
  dims: number[];
}

export type Request =
  | { id: number; kind: "start"; wasm: ArrayBuffer }
  | { id: number; kind: "open"; session: string; bytes: Uint8Array }
  | { id: number; kind: "run"; session: string; inputs: Record<string, Values>; outputs: string[] };

export type Reply = { id: number; outputs?: Record<string, Values>; names?: string[]; error?: string };

const sessions = new Map<string, ort.InferenceSession>();

async function answer(request: Request): Promise<Omit<Reply, "id">> {
  if (request.kind === "start") {
    // One thread: more need headers that a file opened from disk cannot have.
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.proxy = false;
    ort.env.wasm.wasmBinary = request.wasm;
    ort.env.logLevel = "fatal";
    return {};
  }
  if (request.kind === "open") {
    const session = await ort.InferenceSession.create(request.bytes, { executionProviders: ["wasm"], logSeverityLevel: 4 });
    await sessions.get(request.session)?.release();
    sessions.set(request.session, session);
    return { names: [...session.inputNames, ...session.outputNames] };
  }
  const session = sessions.get(request.session);
  if (!session) throw new Error(`there is no model ${request.session}`);
  const inputs: Record<string, ort.Tensor> = {};
  for (const [name, { data, dims }] of Object.entries(request.inputs)) inputs[name] = new ort.Tensor(data as Float32Array, dims);
  const found = await session.run(inputs, request.outputs);
  const outputs: Record<string, Values> = {};
  for (const name of request.outputs) {
    outputs[name] = { data: found[name].data as Float32Array, dims: [...found[name].dims] };
  }
  return { outputs };
}

// One request at a time: a session of this runtime cannot run twice at once.
let last: Promise<unknown> = Promise.resolve();
self.onmessage = ({ data }: MessageEvent<Request>) => {
  last = last.then(async () => {
    let reply: Reply;
    try {
      reply = { id: data.id, ...(await answer(data)) };
    } catch (error) {
      reply = { id: data.id, error: error instanceof Error ? error.message : String(error) };
    }
    self.postMessage(reply);
  });
};
