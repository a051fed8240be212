/** A model of the page: its exported encoder and decoder, and what they say of themselves. */
import type { Engine } from "./engine";
import { partOf, type PartMetadata } from "./onnx_metadata";
import type { Values } from "../worker";

/** Posterior of one image: a diagonal normal over D real latents, or codes. */
export type Encoding =
  | { kind: "normal"; mean: Float32Array; stddev: Float32Array }
  | { kind: "codes"; codes: Int32Array };

/** Decoded images: means in [0, 1], (N, C, H, W), and the likelihood's parameters, (N, P, H, W). */
export interface Decoded {
  mean: Float32Array;
  parameters: Float32Array;
  count: number;
}

/** What a conditional model is given: a label, or attributes; null for an unknown label. */
export type Condition = number | Float32Array | null;

/** Most latents that are decoded at once, so that live requests need not wait long. */
const BATCH = 32;

export class Model {
  private constructor(
    private readonly engine: Engine,
    private readonly key: string,
    readonly about: PartMetadata,
    /** Whether log p(z) and log p(x | z) can be computed by exported graphs. */
    private readonly graphs: { prior: boolean; likelihood: boolean },
    /** Whether images can be encoded. */
    readonly hasEncoder: boolean,
  ) {}

  /** Opens the parts of a model; throws a line that says what is wrong with them. */
  static async open(
    engine: Engine,
    key: string,
    parts: { encoder: Uint8Array | null; decoder: Uint8Array; prior?: Uint8Array | null; likelihood?: Uint8Array | null },
  ): Promise<Model> {
    const decoder = partOf(parts.decoder);
    if (decoder.part !== "decoder") throw new Error(`the file is a ${decoder.part}, not a decoder`);
    if (parts.encoder) {
      const encoder = partOf(parts.encoder);
      if (encoder.part !== "encoder") throw new Error(`the file is a ${encoder.part}, not an encoder`);
      const kind = ({ part: _, ...rest }: PartMetadata): string => JSON.stringify(rest);
      if (kind(encoder) !== kind(decoder))
        throw new Error("the encoder and the decoder are of different models; drop a pair that was exported together");
      await openPart(engine, key, "encoder", parts.encoder);
    }
    await openPart(engine, key, "decoder", parts.decoder);
    if (parts.prior) await openPart(engine, key, "prior", parts.prior);
    if (parts.likelihood) await openPart(engine, key, "likelihood", parts.likelihood);
    return new Model(engine, key, decoder, { prior: !!parts.prior, likelihood: !!parts.likelihood }, !!parts.encoder);
  }

  /** D, real latent dimensions or noise of all groups; the number of slots of a codebook. */
  get dimensions(): number {
    const { latent } = this.about;
    if (latent.kind === "vector") return latent.dimensions;
    if (latent.kind === "groups") return latent.groups.reduce((sum, group) => sum + group.dimensions, 0);
    return latent.slots;
  }

  /** Numbers of one image. */
  get pixels(): number {
    return this.about.image.reduce((product, size) => product * size, 1);
  }

  get conditional(): boolean {
    return this.about.conditional;
  }

  get hasCodes(): boolean {
    return this.about.latent.kind === "codes";
  }

  get isBernoulli(): boolean {
    return this.about.likelihood.kind === "bernoulli";
  }

  get hasUniformPrior(): boolean {
    return this.about.prior.kind === "uniform-codes";
  }

  /** Whether mean and deviation, or codes, are all of q(z | x). */
  get knowsPosterior(): boolean {
    return this.about.posterior.kind !== "other";
  }

  get hasNormalPrior(): boolean {
    return this.about.prior.kind === "standard-normal";
  }

  /** q(z | x) of an image, or its codes. */
  async encode(image: Float32Array, condition: Condition): Promise<Encoding> {
    const outputs = this.hasCodes ? ["codes"] : ["mean", "stddev"];
    const inputs = { image: { data: image, dims: [1, ...this.about.image] }, ...this.condition(1, condition) };
    const found = await this.engine.run(`${this.key}/encoder`, inputs, outputs);
    if (this.hasCodes) return { kind: "codes", codes: Int32Array.from(found.codes.data as BigInt64Array, Number) };
    return { kind: "normal", mean: found.mean.data as Float32Array, stddev: found.stddev.data as Float32Array };
  }

  /** Images at latents, (N, D), or codes, (N, slots); in small batches if they can wait. */
  async decode(z: ArrayLike<number>, condition: Condition | number[], canWait = false): Promise<Decoded> {
    const count = z.length / this.dimensions;
    const parts: Decoded[] = [];
    for (let start = 0; start < count; start += BATCH) {
      const n = Math.min(BATCH, count - start);
      const rows = Float32Array.from({ length: n * this.dimensions }, (_, i) => z[start * this.dimensions + i]);
      const given = Array.isArray(condition) ? condition.slice(start, start + n) : condition;
      const inputs = { ...this.latents(rows, n), ...this.condition(n, given) };
      const found = await this.engine.run(`${this.key}/decoder`, inputs, ["mean", "parameters"], canWait);
      parts.push({ mean: found.mean.data as Float32Array, parameters: found.parameters.data as Float32Array, count: n });
    }
    return parts.length === 1
      ? parts[0]
      : { mean: joined(parts.map((part) => part.mean)), parameters: joined(parts.map((part) => part.parameters)), count };
  }

  /** log p(z), or of codes, by the exported graph, nats, (N,); null where there is none. */
  async priorDensity(z: Float32Array, condition: Condition): Promise<Float32Array | null> {
    if (!this.graphs.prior) return null;
    const n = z.length / this.dimensions;
    const inputs = { ...this.latents(z, n), ...this.condition(n, condition) };
    return (await this.engine.run(`${this.key}/prior`, inputs, ["log_density"])).log_density.data as Float32Array;
  }

  /** log p(x | z) by the exported graph, nats; null where there is none. */
  async likelihoodDensity(parameters: Float32Array, image: Float32Array): Promise<number | null> {
    if (!this.graphs.likelihood) return null;
    const [, height, width] = this.about.image;
    const inputs = {
      parameters: { data: parameters, dims: [1, parameters.length / (height * width), height, width] },
      image: { data: image, dims: [1, ...this.about.image] },
    };
    return (await this.engine.run(`${this.key}/likelihood`, inputs, ["log_density"])).log_density.data[0] as number;
  }

  private latents(rows: Float32Array, n: number): Record<string, Values> {
    const { latent } = this.about;
    if (latent.kind === "codes") return { codes: { data: BigInt64Array.from(rows, (code) => BigInt(Math.round(code))), dims: [n, latent.slots] } };
    if (latent.kind === "vector") return { z: { data: rows, dims: [n, latent.dimensions] } };
    const inputs: Record<string, Values> = {};
    let start = 0;
    for (const { name, dimensions } of latent.groups) {
      const part = new Float32Array(n * dimensions);
      for (let i = 0; i < n; i++)
        part.set(rows.subarray(i * this.dimensions + start, i * this.dimensions + start + dimensions), i * dimensions);
      inputs[name] = { data: part, dims: [n, dimensions] };
      start += dimensions;
    }
    return inputs;
  }

  /** The inputs of a condition: one for all, or a label each; an unknown label is -1. */
  private condition(n: number, condition: Condition | number[]): Record<string, Values> {
    if (!this.conditional) return {};
    if (this.about.classes.length) {
      const labels = Array.isArray(condition) ? condition : Array<number>(n).fill(typeof condition === "number" ? condition : -1);
      return { label: { data: BigInt64Array.from(labels, BigInt), dims: [n] } };
    }
    const width = this.about.attributes.length;
    const row = condition instanceof Float32Array ? condition : new Float32Array(width);
    const all = new Float32Array(n * width);
    for (let i = 0; i < n; i++) all.set(row, i * width);
    return { attributes: { data: all, dims: [n, width] } };
  }
}

/** Opens a graph; the runtime's own message names lines of its code. */
async function openPart(engine: Engine, key: string, part: string, bytes: Uint8Array): Promise<void> {
  try {
    await engine.open(`${key}/${part}`, bytes);
  } catch {
    throw new Error(`the ${part} is damaged, or this browser cannot run it; export the model again`);
  }
}

function joined(parts: Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let start = 0;
  for (const part of parts) {
    whole.set(part, start);
    start += part.length;
  }
  return whole;
}
