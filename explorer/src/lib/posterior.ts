/** The true posterior p(z | x) of one image over a latent of two dimensions, by quadrature; log densities in nats. */

import { centre, DEEPEST, eachLeaf, interpolate, neighbours, quarters, type Lattice } from "./lattice";

export { bestNormal } from "./best_normal";

export interface TruePosterior {
  /** log p(x) in nats. */
  logEvidence: number;
  /** Size of the change of log p(x) at the last halving of the step, nats: an estimate of the error from above. */
  change: number;
  /** Whether the change and the step are within bounds; false if `maxPoints` did not suffice. */
  converged: boolean;
  mean: [number, number];
  /** xx, xy, yy. */
  covariance: [number, number, number];
  /** Share of the mass in the outermost cells: the range was too small if it is not about 0. */
  edge: number;
  /** Cells that together cover the range: centre, size, and log p(z | x) in nats at the centre. */
  cells: { x: Float64Array; y: Float64Array; dx: Float64Array; dy: Float64Array; logDensity: Float64Array };
  /** Points z that were decoded. */
  points: number;
  /** The cells and those they came from, with log p(x, z). */
  lattice: Lattice;
}

/** Nats below the highest point down to which cells are split, at the first two levels and later. */
const EARLY = 20;
const LATE = 15;
/** The search first goes down by this multiple of the spread of the highest points, and by a quarter per level. */
const UNEVEN = 2;
/** Largest step in standard deviations: the midpoint rule's error is then below 1e-13 for a normal density. */
const STEP = 0.8;
/** Largest share of one cell; a normal density has less at that step. It notices several narrow modes. */
const SHARE = 0.11;

type LogJoint = (z: Float32Array) => Promise<Float64Array>;

/**
 * log p(x) = log of the integral of p(x, z) dz, and the moments of p(z | x), by the midpoint rule on cells.
 *
 * Cells with mass, and their neighbours, are split 2 x 2 until log p(x) has converged. The highest 9 points of the
 * first lattice differ much if a narrow posterior lies between them; then cells far below the highest are split too,
 * since chance decides which point is highest.
 *
 * @param logJoint log p(x, z) in nats of n points z, (n x 2); it is called with thousands of points at once.
 * @param start the range: centre - reach to centre + reach.
 * @param options cells along each axis at first; tolerance of log p(x) in nats; most points to decode.
 */
export async function truePosterior(
  logJoint: LogJoint,
  start: { centre: [number, number]; reach: [number, number] },
  options: { cells?: number; tolerance?: number; maxPoints?: number } = {},
): Promise<TruePosterior> {
  const { cells = 48, tolerance = 0.005, maxPoints = 60_000 } = options;
  const lattice: Lattice = {
    x0: start.centre[0] - start.reach[0],
    y0: start.centre[1] - start.reach[1],
    dx: (2 * start.reach[0]) / cells,
    dy: (2 * start.reach[1]) / cells,
    cells,
    levels: [new Map()],
    split: [new Set()],
  };
  const first = await add(lattice, logJoint, [Array.from({ length: cells * cells }, (_, cell) => cell)]);
  const highest = first.sort((a, b) => b - a).slice(0, 9);
  if (highest[0] === -Infinity) throw new Error("p(x, z) is 0 everywhere in the range of the quadrature");
  const spread = highest[0] - Math.min(...highest.filter(Number.isFinite));
  const search = { top: highest[0], uneven: UNEVEN * spread, points: first.length };
  let sums = sumsOf(lattice, search.top);
  let change = Infinity;
  let converged = false;
  for (let level = 1; level <= DEEPEST && !converged; level++) {
    const complete = await refine(lattice, logJoint, level, search, maxPoints);
    const latest = sumsOf(lattice, search.top);
    if (latest.points > sums.points) change = Math.abs(latest.logEvidence - sums.logEvidence);
    sums = latest;
    if (!complete) break;
    const step = Math.max(lattice.dx, lattice.dy) * 2 ** -level;
    converged = change <= tolerance && step <= STEP * narrowest(sums.covariance) && sums.largest <= SHARE;
  }
  const { logEvidence, mean, covariance, edge } = sums;
  const listed = cellsOf(lattice, sums.points, logEvidence);
  return { logEvidence, change, converged, mean, covariance, edge, cells: listed, points: search.points, lattice };
}

/** Evaluates cells, listed per level, and adds them. */
async function add(lattice: Lattice, logJoint: LogJoint, wanted: number[][]): Promise<Float64Array> {
  const z = new Float32Array(2 * wanted.reduce((sum, cells) => sum + cells.length, 0));
  let at = 0;
  wanted.forEach((cells, level) => {
    for (const cell of cells) {
      z.set(centre(lattice, level, cell), at);
      at += 2;
    }
  });
  const values = await logJoint(z);
  if (values.some(Number.isNaN)) throw new Error("log p(x, z) is not a number at some points of the quadrature");
  at = 0;
  wanted.forEach((cells, level) => {
    while (lattice.levels.length <= level) {
      lattice.levels.push(new Map());
      lattice.split.push(new Set());
    }
    for (const cell of cells) lattice.levels[level].set(cell, values[at++]);
  });
  return values;
}

/** Splits until all cells with mass and their neighbours have this level; false if that takes too many points. */
async function refine(
  lattice: Lattice,
  logJoint: LogJoint,
  target: number,
  search: { top: number; uneven: number; points: number },
  maxPoints: number,
): Promise<boolean> {
  for (;;) {
    const coarse: Set<number>[] = Array.from({ length: target }, () => new Set());
    eachLeaf(lattice, (level, cell, value) => {
      const depth = Math.max(level < 2 ? EARLY : LATE, search.uneven / 4 ** level);
      if (value < search.top - depth) return;
      if (level < target) coarse[level].add(cell);
      for (const [near, neighbour] of neighbours(lattice, level, cell)) {
        if (near < target && !lattice.split[near].has(neighbour)) coarse[near].add(neighbour);
      }
    });
    const count = coarse.reduce((sum, cells) => sum + cells.size, 0);
    if (count === 0) return true;
    if (search.points + 4 * count > maxPoints) return false;
    const wanted: number[][] = Array.from({ length: target + 1 }, () => []);
    coarse.forEach((cells, level) => {
      for (const cell of cells) wanted[level + 1].push(...quarters(lattice, level, cell));
    });
    const values = await add(lattice, logJoint, wanted);
    coarse.forEach((cells, level) => cells.forEach((cell) => lattice.split[level].add(cell)));
    search.points += values.length;
    for (const value of values) search.top = Math.max(search.top, value);
  }
}

/** The integral and the moments by the midpoint rule; `top` is the highest log density, to avoid underflow. */
function sumsOf(lattice: Lattice, top: number) {
  let [whole, x, y, xx, xy, yy, edge, largest, points] = [0, 0, 0, 0, 0, 0, 0, 0, 0];
  // Moments about the middle of the range lose fewer digits.
  const [middleX, middleY] = [
    lattice.x0 + (lattice.cells * lattice.dx) / 2,
    lattice.y0 + (lattice.cells * lattice.dy) / 2,
  ];
  const [farX, farY] = [(lattice.cells / 2 - 1) * lattice.dx, (lattice.cells / 2 - 1) * lattice.dy];
  eachLeaf(lattice, (level, cell, value) => {
    points++;
    const mass = Math.exp(value - top) * 4 ** -level;
    if (mass === 0) return;
    const at = centre(lattice, level, cell);
    const [u, v] = [at[0] - middleX, at[1] - middleY];
    whole += mass;
    x += mass * u;
    y += mass * v;
    xx += mass * u * u;
    xy += mass * u * v;
    yy += mass * v * v;
    if (Math.abs(u) > farX || Math.abs(v) > farY) edge += mass;
    largest = Math.max(largest, mass);
  });
  const [meanX, meanY] = [x / whole, y / whole];
  return {
    logEvidence: top + Math.log(whole * lattice.dx * lattice.dy),
    mean: [middleX + meanX, middleY + meanY] as [number, number],
    covariance: [xx / whole - meanX * meanX, xy / whole - meanX * meanY, yy / whole - meanY * meanY] as [
      number,
      number,
      number,
    ],
    edge: edge / whole,
    largest: largest / whole,
    points,
  };
}

/** Standard deviation along the minor axis of a covariance. */
function narrowest([xx, xy, yy]: [number, number, number]): number {
  return Math.sqrt(Math.max((xx + yy) / 2 - Math.hypot((xx - yy) / 2, xy), 0));
}

/** The leaves, with log p(z | x). */
function cellsOf(lattice: Lattice, count: number, logEvidence: number): TruePosterior["cells"] {
  const array = () => new Float64Array(count);
  const cells = { x: array(), y: array(), dx: array(), dy: array(), logDensity: array() };
  let at = 0;
  eachLeaf(lattice, (level, cell, value) => {
    [cells.x[at], cells.y[at]] = centre(lattice, level, cell);
    cells.dx[at] = lattice.dx * 2 ** -level;
    cells.dy[at] = lattice.dy * 2 ** -level;
    cells.logDensity[at++] = value - logEvidence;
  });
  return cells;
}

export interface DensityGrid {
  /** Position of the first value, and the distance between values. */
  x0: number;
  y0: number;
  dx: number;
  dy: number;
  nx: number;
  ny: number;
  /** p(z | x) per unit of area, rows of nx along x, lowest y first. */
  values: Float64Array;
}

/** p(z | x) at n x n points around all but 1e-4 of its mass. */
export function densityGrid(posterior: TruePosterior, n = 96): DensityGrid {
  const { x, y, dx, dy, logDensity } = posterior.cells;
  const mass = logDensity.map((value, at) => Math.exp(value) * dx[at] * dy[at]);
  const order = Array.from(mass.keys()).sort((a, b) => mass[b] - mass[a]);
  let [left, right, low, high, held] = [Infinity, -Infinity, Infinity, -Infinity, 0];
  for (const at of order) {
    left = Math.min(left, x[at] - dx[at]);
    right = Math.max(right, x[at] + dx[at]);
    low = Math.min(low, y[at] - dy[at]);
    high = Math.max(high, y[at] + dy[at]);
    held += mass[at];
    if (held >= 1 - 1e-4) break;
  }
  const grid = { x0: left, y0: low, dx: (right - left) / (n - 1), dy: (high - low) / (n - 1), nx: n, ny: n };
  const values = new Float64Array(n * n);
  const least = posterior.logEvidence - 1e4;
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < n; i++) {
      const value = interpolate(posterior.lattice, left + i * grid.dx, low + j * grid.dy, least);
      values[j * n + i] = Math.exp(value - posterior.logEvidence);
    }
  }
  return { ...grid, values };
}

/**
 * Densities above which a grid holds these shares of its mass: the highest-density regions (Hyndman 1996).
 *
 * 0.39 and 0.86 of a normal density in two dimensions lie within 1 and 2 standard deviations.
 */
export function massLevels(grid: DensityGrid, masses: number[] = [0.39, 0.86, 0.99]): number[] {
  const sorted = grid.values.slice().sort().reverse();
  const total = sorted.reduce((sum, value) => sum + value, 0);
  return masses.map((mass) => {
    let held = 0;
    for (const value of sorted) {
      held += value;
      if (held >= mass * total) return value;
    }
    return 0;
  });
}

/**
 * The parts of log p(x) - ELBO, in nats: log p(x) - max_q ELBO is due to the family of q, and max_q ELBO - ELBO to one
 * encoder for all images (Cremer, Li and Duvenaud 2018, equations 3 to 5).
 */
export function gaps(
  logEvidence: number,
  elbo: number,
  bestElbo: number,
): { approximation: number; amortisation: number } {
  return { approximation: logEvidence - bestElbo, amortisation: bestElbo - elbo };
}
