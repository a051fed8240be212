/** The discrete geodesic between two points in the metric of a decoder, by Gauss-Newton steps. */

export interface ShortestOptions {
  /** Most points to decode; 20,000 unless given. */
  maxDecodes?: number;
  /** Most iterations; 50 unless given. */
  iterations?: number;
  /** The search ends once an iteration lowers the energy by less than this share; 1e-5 unless given. */
  tolerance?: number;
  /** Step of the finite differences in latent units: well above the rounding of float32; 2e-3 unless given. */
  epsilon?: number;
  /** Called after each iteration with the share of the work done and the energy; false ends the search. */
  progress?: (done: number, energy: number) => void | boolean;
}

type Decode = (z: Float32Array, count: number) => Promise<Float32Array>;

/** Damping of the normal equations, as a share of their mean diagonal: decoders can be flat in some directions. */
const DAMPING = 1e-4;
const HALVINGS = 6;

/** Lowers the energy sum_i |g(z_i+1) - g(z_i)|^2 of a path, n points of D numbers, between its fixed ends. */
export async function shorten(path: Float32Array[], decode: Decode, options: ShortestOptions): Promise<Float32Array[]> {
  const { maxDecodes = 20_000, iterations = 50, tolerance = 1e-5, epsilon = 2e-3, progress } = options;
  const inner = path.length - 2;
  const dimensions = path[0].length;
  if (inner < 1 || path.length > maxDecodes) return path;
  let frames = await decoded(path, decode);
  let energy = energyOf(frames);
  let decodes = path.length;
  for (let iteration = 1; iteration <= iterations; iteration++) {
    // The Jacobians, and at least one trial of the step.
    if (decodes + inner * (dimensions + 1) > maxDecodes || energy === 0) break;
    const jacobians = await jacobiansOf(path, frames, decode, epsilon);
    decodes += inner * dimensions;
    const step = gaussNewton(frames, jacobians, dimensions);
    const before = energy;
    for (let halving = 0, t = 1; halving <= HALVINGS && decodes + inner <= maxDecodes; halving++, t /= 2) {
      const moved = path.map((z, i) =>
        i === 0 || i > inner ? z : z.map((value, d) => value + t * step[(i - 1) * dimensions + d]),
      );
      const between = await decoded(moved.slice(1, -1), decode);
      decodes += inner;
      const trial = [frames[0], ...between, frames[inner + 1]];
      const lower = energyOf(trial);
      if (lower < energy) {
        [path, frames, energy] = [moved, trial, lower];
        break;
      }
    }
    const finished = !(before - energy > tolerance * before) || iteration === iterations;
    const goOn = progress?.(finished ? 1 : Math.max(decodes / maxDecodes, iteration / iterations), energy);
    if (finished || goOn === false) break;
  }
  return path;
}

/** The decodings of points, (P,) each. */
async function decoded(points: Float32Array[], decode: Decode): Promise<Float32Array[]> {
  const dimensions = points[0].length;
  const z = new Float32Array(points.length * dimensions);
  points.forEach((point, i) => z.set(point, i * dimensions));
  const pixels = await decode(z, points.length);
  const each = pixels.length / points.length;
  return points.map((_, i) => pixels.slice(i * each, (i + 1) * each));
}

function energyOf(frames: Float32Array[]): number {
  let sum = 0;
  for (let i = 1; i < frames.length; i++) {
    for (let p = 0; p < frames[i].length; p++) sum += (frames[i][p] - frames[i - 1][p]) ** 2;
  }
  return sum;
}

/** Columns of the Jacobian of g at each inner point by forward differences: D arrays of P numbers per point. */
async function jacobiansOf(
  path: Float32Array[],
  frames: Float32Array[],
  decode: Decode,
  epsilon: number,
): Promise<Float32Array[][]> {
  const dimensions = path[0].length;
  const moved = path
    .slice(1, -1)
    .flatMap((z) =>
      Array.from({ length: dimensions }, (_, d) => z.map((value, at) => (at === d ? value + epsilon : value))),
    );
  const found = await decoded(moved, decode);
  return path.slice(1, -1).map((z, i) =>
    Array.from({ length: dimensions }, (_, d) => {
      // Float32 rounds the moved coordinate; the true difference is what counts.
      const step = moved[i * dimensions + d][d] - z[d];
      return found[i * dimensions + d].map((value, p) => (value - frames[i + 1][p]) / step);
    }),
  );
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let p = 0; p < a.length; p++) sum += a[p] * b[p];
  return sum;
}

/**
 * The Gauss-Newton step of the inner points, (inner x D).
 *
 * With J_i the Jacobian at z_i and f_i = g(z_i), the normal equations are block-tridiagonal,
 * 2 J_i^T J_i s_i - J_i^T J_i-1 s_i-1 - J_i^T J_i+1 s_i+1 = J_i^T (f_i-1 - 2 f_i + f_i+1). They are solved block by
 * block.
 */
function gaussNewton(frames: Float32Array[], jacobians: Float32Array[][], dimensions: number): Float64Array {
  const inner = jacobians.length;
  const D = dimensions;
  const product = (a: Float32Array[], b: Float32Array[]) =>
    Float64Array.from({ length: D * D }, (_, at) => dot(a[Math.floor(at / D)], b[at % D]));
  const diagonal = jacobians.map((jacobian) => product(jacobian, jacobian));
  const mean = diagonal.reduce((sum, block) => sum + trace(block, D), 0) / (inner * D);
  const damping = DAMPING * mean || 1;
  // Forward elimination: s_i = offset_i + coupling_i s_i+1.
  const offsets: Float64Array[] = [];
  const couplings: Float64Array[] = [];
  for (let i = 0; i < inner; i++) {
    const block = diagonal[i].map((value, at) => 2 * value + (at % (D + 1) === 0 ? damping : 0));
    const second = frames[i].map((value, p) => value - 2 * frames[i + 1][p] + frames[i + 2][p]);
    const right = Float64Array.from(jacobians[i], (column) => dot(column, second));
    if (i > 0) {
      const lower = product(jacobians[i], jacobians[i - 1]);
      for (let a = 0; a < D; a++) {
        for (let c = 0; c < D; c++) {
          right[a] += lower[a * D + c] * offsets[i - 1][c];
          for (let b = 0; b < D; b++) block[a * D + b] -= lower[a * D + c] * couplings[i - 1][c * D + b];
        }
      }
    }
    const upper = i < inner - 1 ? product(jacobians[i], jacobians[i + 1]) : new Float64Array(D * D);
    const solved = solve(block, right, upper, D);
    offsets.push(solved.vector);
    couplings.push(solved.matrix);
  }
  const step = new Float64Array(inner * D);
  for (let i = inner - 1; i >= 0; i--) {
    for (let a = 0; a < D; a++) {
      let value = offsets[i][a];
      if (i < inner - 1) for (let b = 0; b < D; b++) value += couplings[i][a * D + b] * step[(i + 1) * D + b];
      step[i * D + a] = value;
    }
  }
  return step;
}

function trace(block: Float64Array, D: number): number {
  let sum = 0;
  for (let d = 0; d < D; d++) sum += block[d * D + d];
  return sum;
}

/** block^-1 vector and block^-1 matrix, by Gauss-Jordan elimination; the damped block is positive definite. */
function solve(block: Float64Array, vector: Float64Array, matrix: Float64Array, D: number) {
  const wide = 2 * D + 1;
  const rows = Array.from({ length: D }, (_, a) =>
    Float64Array.from({ length: wide }, (_, b) =>
      b < D ? block[a * D + b] : b < 2 * D ? matrix[a * D + b - D] : vector[a],
    ),
  );
  for (let pivot = 0; pivot < D; pivot++) {
    const scale = 1 / rows[pivot][pivot];
    for (let b = pivot; b < wide; b++) rows[pivot][b] *= scale;
    for (let a = 0; a < D; a++) {
      const factor = rows[a][pivot];
      if (a === pivot || factor === 0) continue;
      for (let b = pivot; b < wide; b++) rows[a][b] -= factor * rows[pivot][b];
    }
  }
  const out = new Float64Array(D * D);
  rows.forEach((row, a) => out.set(row.subarray(D, 2 * D), a * D));
  return { matrix: out, vector: Float64Array.from(rows, (row) => row[2 * D]) };
}
