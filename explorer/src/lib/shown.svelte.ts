/** What one model makes of the page's image and of its cursor. */
import { logLikelihood } from "./bernoulli";
import type { Entry } from "./entry";
import type { Condition, Decoded, Encoding, Model } from "./model";
import { gaussianDraw, klByDimension, logDensity, normalLogDensity, seeded } from "./normal";
import { hermiteGrid } from "./quadrature";

/** The negative ELBO of one image and its parts, nats. */
export interface Loss {
  /** E_q[-log p(x | z)]. */
  reconstruction: number;
  /** KL(q(z_d | x), p(z_d)) of each dimension; null where only the whole is known. */
  klByDimension: Float64Array | null;
  kl: number;
  total: number;
  /** How the expectation was computed. */
  points: string;
}

/** Draws of z where quadrature has too many dimensions. */
const DRAWS = 32;

/** Runs an asynchronous function, and keeps only the result of the latest call. */
class Latest {
  private call = 0;
  async run<T>(work: () => Promise<T>, keep: (found: T) => void): Promise<void> {
    const call = ++this.call;
    const found = await work();
    if (call === this.call) keep(found);
  }
}

export class Shown {
  /** Images at the cursor. */
  decoded = $state.raw<Decoded | null>(null);
  /** log p(z) at the cursor, nats. */
  logPrior = $state.raw<number | null>(null);
  encoding = $state.raw<Encoding | null>(null);
  reconstruction = $state.raw<Decoded | null>(null);
  loss = $state.raw<Loss | null>(null);

  private decoding = false;
  private wanted: { z: Float32Array; condition: Condition } | null = null;
  private readonly encodes = new Latest();

  constructor(readonly entry: Entry) {}

  get model(): Model {
    return this.entry.model;
  }

  /** Decodes at the cursor; while one image is decoded, only the latest of further cursors is kept. */
  async decodeAt(z: Float32Array, condition: Condition): Promise<void> {
    this.wanted = { z, condition };
    if (this.decoding) return;
    this.decoding = true;
    try {
      while (this.wanted) {
        const now: { z: Float32Array; condition: Condition } = this.wanted;
        this.wanted = null;
        this.decoded = await this.model.decode(now.z, now.condition);
        this.logPrior = await this.densityOf(now.z, now.condition);
      }
    } finally {
      this.decoding = false;
    }
  }

  /** Encodes an image, decodes its posterior's mean or codes, and computes the loss. */
  async encodeImage(image: Float32Array | null, condition: Condition): Promise<void> {
    await this.encodes.run(
      async () => {
        if (!image || !this.model.hasEncoder || image.length !== this.model.pixels) return null;
        const encoding = await this.model.encode(image, condition);
        const centre = encoding.kind === "normal" ? encoding.mean : Float32Array.from(encoding.codes);
        const reconstruction = await this.model.decode(centre, condition);
        return { encoding, reconstruction, loss: await this.lossOf(image, condition, encoding, reconstruction) };
      },
      (found) => {
        this.encoding = found?.encoding ?? null;
        this.reconstruction = found?.reconstruction ?? null;
        this.loss = found?.loss ?? null;
      },
    );
  }

  /** log p(z), nats; null where the page has neither a formula nor a graph. */
  async densityOf(z: Float32Array, condition: Condition): Promise<number | null> {
    if (this.model.hasCodes) return null;
    if (this.model.hasNormalPrior) return logDensity(z);
    return (await this.model.priorDensity(z, condition))?.[0] ?? null;
  }

  /** log p(x | z) for each of the decoded images, nats; null where the page has neither a formula nor a graph. */
  async likelihoods(decoded: Decoded, image: Float32Array): Promise<Float64Array | null> {
    const width = decoded.parameters.length / decoded.count;
    const found = new Float64Array(decoded.count);
    for (let i = 0; i < decoded.count; i++) {
      const parameters = decoded.parameters.slice(i * width, (i + 1) * width);
      const value = this.model.isBernoulli
        ? logLikelihood(parameters, image)
        : await this.model.likelihoodDensity(parameters, image);
      if (value === null) return null;
      found[i] = value;
    }
    return found;
  }

  private async lossOf(image: Float32Array, condition: Condition, encoding: Encoding, atMean: Decoded): Promise<Loss | null> {
    if (encoding.kind === "codes") {
      const found = await this.likelihoods(atMean, image);
      const { latent } = this.model.about;
      if (!found || latent.kind !== "codes") return null;
      const codes = Float32Array.from(encoding.codes);
      const logPrior = this.model.hasUniformPrior ? -latent.slots * Math.log(latent.size) : (await this.model.priorDensity(codes, condition))?.[0];
      if (logPrior === undefined) return null;
      const kl = -logPrior;
      return { reconstruction: -found[0], klByDimension: null, kl, total: kl - found[0], points: "the code, which is certain" };
    }
    if (!this.model.knowsPosterior) return null;
    const { mean, stddev } = encoding;
    const nodes = mean.length === 2 ? hermiteGrid(mean, stddev) : draws(mean, stddev);
    const found = await this.likelihoods(await this.model.decode(nodes.z, condition), image);
    if (!found) return null;
    let reconstruction = 0;
    for (let i = 0; i < found.length; i++) reconstruction -= nodes.weights[i] * found[i];
    const byDimension = this.model.hasNormalPrior ? klByDimension(mean, stddev) : null;
    const kl = byDimension ? byDimension.reduce((sum, each) => sum + each, 0) : await this.sampledKl(mean, stddev, nodes, condition);
    if (kl === null) return null;
    return { reconstruction, klByDimension: byDimension, kl, total: reconstruction + kl, points: nodes.name };
  }

  /** E_q[log q(z | x) - log p(z)] over the nodes, nats. */
  private async sampledKl(mean: Float32Array, stddev: Float32Array, nodes: Nodes, condition: Condition): Promise<number | null> {
    const prior = await this.model.priorDensity(nodes.z, condition);
    if (!prior) return null;
    let kl = 0;
    for (let i = 0; i < prior.length; i++) {
      const z = nodes.z.subarray(i * mean.length, (i + 1) * mean.length);
      kl += nodes.weights[i] * (normalLogDensity(z, mean, stddev) - prior[i]);
    }
    return kl;
  }
}

/** Points z, (n, D), with weights that sum to one. */
export interface Nodes {
  z: Float32Array;
  weights: Float64Array;
  name: string;
}

/** Reparameterised draws of q with the same noise for every image, each with its mirror image. */
function draws(mean: Float32Array, stddev: Float32Array): Nodes {
  const dimensions = mean.length;
  const noise = gaussianDraw(seeded(0), (DRAWS / 2) * dimensions);
  const z = new Float32Array(DRAWS * dimensions);
  for (let i = 0; i < DRAWS; i++)
    for (let d = 0; d < dimensions; d++) {
      const sign = i % 2 ? -1 : 1;
      z[i * dimensions + d] = mean[d] + sign * stddev[d] * noise[(i >> 1) * dimensions + d];
    }
  return { z, weights: new Float64Array(DRAWS).fill(1 / DRAWS), name: `${DRAWS} draws of z` };
}
