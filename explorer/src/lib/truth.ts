/** The true posterior of an image under a model of two latent dimensions, decoded as it is needed. */
import { contours } from "d3-contour";
import { pairwise, softplusSums } from "./bernoulli";
import type { Condition } from "./model";
import { logDensity } from "./normal";
import { bestNormal, densityGrid, gaps, massLevels, truePosterior, type TruePosterior } from "./posterior";
import type { Shown } from "./shown.svelte";

export interface Truth {
  posterior: TruePosterior;
  /** Outlines that hold 39, 86 and 99 % of the mass, in latent units. */
  outlines: [number, number][][];
  /** The diagonal normal of the highest ELBO, and that ELBO, nats. */
  best: { mean: [number, number]; stddev: [number, number]; elbo: number };
  elbo: number;
  approximation: number;
  amortisation: number;
}

/** Logits and sums of softplus at points z, with log p(z). */
interface Decoded {
  z: Float32Array;
  logits: Float32Array;
  sums: Float64Array;
  logPrior: Float64Array;
}

/** Cells of the first lattice along each axis. */
const CELLS = 48;
/** Share of the mass at the edge from which the lattice is widened, and by how much at most. */
const MOST_AT_EDGE = 0.001;
const WIDEST = 4;

/** Nothing that a reader should see: the image has changed in the meantime. */
export class Outdated extends Error {}

export class TruthFinder {
  /** The first lattice serves every image. */
  private first: Decoded | null = null;

  constructor(
    private readonly shown: Shown,
    private readonly condition: Condition,
    private readonly reach: number,
  ) {}

  async find(image: Float32Array, elbo: number, isCurrent: () => boolean): Promise<Truth> {
    const logJoint = async (z: Float32Array): Promise<Float64Array> => {
      if (!isCurrent()) throw new Outdated();
      const { logits, sums, logPrior } = await this.decoded(z);
      if (!isCurrent()) throw new Outdated();
      return pairwise(logits, sums, image).map((value, i) => value + logPrior[i]);
    };
    const within = (factor: number): Promise<TruePosterior> => {
      const reach = factor * this.reach;
      return truePosterior(logJoint, { centre: [0, 0], reach: [reach, reach] }, { cells: Math.round(factor * CELLS) });
    };
    let posterior = await within(1);
    // An image unlike those of the training can have its posterior far out.
    for (let factor = 1.5; posterior.edge > MOST_AT_EDGE && factor < WIDEST; factor *= 1.5) posterior = await within(factor);
    const best = bestNormal(posterior);
    const bestElbo = posterior.logEvidence - best.kl;
    return {
      posterior,
      outlines: outlinesOf(posterior),
      best: { mean: best.mean, stddev: best.stddev, elbo: bestElbo },
      elbo,
      ...gaps(posterior.logEvidence, elbo, bestElbo),
    };
  }

  private async decoded(z: Float32Array): Promise<Decoded> {
    if (this.first && same(this.first.z, z)) return this.first;
    const { model } = this.shown;
    const { parameters } = await model.decode(z, this.condition, true);
    const found: Decoded = { z, logits: parameters, sums: softplusSums(parameters, model.pixels), logPrior: await this.logPrior(z) };
    this.first ??= found;
    return found;
  }

  private async logPrior(z: Float32Array): Promise<Float64Array> {
    const { model } = this.shown;
    if (model.hasNormalPrior) return Float64Array.from({ length: z.length / 2 }, (_, i) => logDensity(z.subarray(2 * i, 2 * i + 2)));
    const found = await model.priorDensity(z, this.condition);
    if (!found) throw new Error("the page has no density of this model's prior");
    return Float64Array.from(found);
  }
}

function same(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

function outlinesOf(posterior: TruePosterior): [number, number][][] {
  const grid = densityGrid(posterior);
  const levels = massLevels(grid);
  const rings: [number, number][][] = [];
  for (const contour of contours().size([grid.nx, grid.ny]).thresholds([...levels].sort((a, b) => a - b))(Array.from(grid.values)))
    for (const polygon of contour.coordinates)
      for (const ring of polygon)
        // d3-contour puts the value of row i at i + 0.5.
        rings.push(ring.map(([i, j]) => [grid.x0 + (i - 0.5) * grid.dx, grid.y0 + (j - 0.5) * grid.dy]));
  return rings;
}
