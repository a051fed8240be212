/** Paths through latent space: straight, spherical, and the shortest in the metric of the decoder. */

import { shorten, type ShortestOptions } from "./geodesic";

export type { ShortestOptions } from "./geodesic";

/**
 * n points along the straight lines through two or more points, both ends included.
 *
 * The steps have equal lengths over the whole path, so that an animation moves at one speed whatever the lengths of its
 * legs. The points between the ends are passed, not stopped at.
 */
export function linear(points: ArrayLike<number>[], n: number): Float32Array[] {
  const lengths = legs(points).map(([a, b]) => distance(a, b));
  return along(points, lengths, n, (a, b, t) => Float32Array.from(a, (value, i) => (1 - t) * value + t * b[i]));
}

/**
 * n points along the arcs through two or more points: directions by slerp (Shoemake 1985), norms interpolated linearly.
 *
 * Straight lines between draws from N(0, I) cross a middle that has almost no mass in many dimensions (White 2016).
 * Legs get frames by the lengths of their arcs. Opposite or zero points have no arc; there the line is straight.
 */
export function spherical(points: ArrayLike<number>[], n: number): Float32Array[] {
  const lengths = legs(points).map(([a, b]) => {
    const angle = angleOf(a, b);
    return angle === null ? distance(a, b) : Math.hypot((angle * (norm(a) + norm(b))) / 2, norm(b) - norm(a));
  });
  return along(points, lengths, n, (a, b, t) => {
    const angle = angleOf(a, b);
    if (angle === null) return Float32Array.from(a, (value, i) => (1 - t) * value + t * b[i]);
    const [p, q] = [norm(a), norm(b)];
    // For a small angle both weights approach those of a straight line.
    const [u, v] =
      angle < 1e-6 ? [1 - t, t] : [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
    const length = (1 - t) * p + t * q;
    return Float32Array.from(a, (value, i) => length * ((u * value) / p + (v * b[i]) / q));
  });
}

/**
 * n points of the shortest path between the decodings of two points, or through those of several.
 *
 * It minimises the energy sum_i |g(z_i+1) - g(z_i)|^2 with fixed ends: the discrete geodesic in the metric J^T J that
 * the decoder g pulls back (Shao, Kumar and Fletcher 2018; Chen et al. 2018; Arvanitidis, Hansen and Hauberg 2018).
 * Each leg starts from its straight line, so the result is a local optimum. Legs get frames by their straight lengths.
 *
 * @param decode g of `count` points (count x D), (count x P).
 */
export async function shortest(
  points: ArrayLike<number>[],
  n: number,
  decode: (z: Float32Array, count: number) => Promise<Float32Array>,
  options: ShortestOptions = {},
): Promise<Float32Array[]> {
  const lengths = legs(points).map(([a, b]) => distance(a, b));
  const shares = framesPerLeg(lengths, n - 1);
  const path: Float32Array[] = [Float32Array.from(points[0])];
  const { maxDecodes = 20_000, progress } = options;
  for (let leg = 0; leg < shares.length; leg++) {
    if (shares[leg] === 0) continue;
    const line = linear([points[leg], points[leg + 1]], shares[leg] + 1);
    const found = await shorten(line, decode, {
      ...options,
      maxDecodes: Math.floor(maxDecodes / shares.length),
      progress: progress && ((done, energy) => progress((leg + done) / shares.length, energy)),
    });
    path.push(...found.slice(1));
  }
  return path;
}

/** Length of a path sum_i |x_i+1 - x_i|, of latent points or of decoded frames. */
export function pathLength(frames: ArrayLike<number>[]): number {
  return legs(frames).reduce((sum, [a, b]) => sum + distance(a, b), 0);
}

type Leg = [ArrayLike<number>, ArrayLike<number>];

function legs(points: ArrayLike<number>[]): Leg[] {
  return points.slice(1).map((point, i) => [points[i], point]);
}

function norm(z: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < z.length; i++) sum += z[i] * z[i];
  return Math.sqrt(sum);
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (b[i] - a[i]) ** 2;
  return Math.sqrt(sum);
}

/** Angle between two points seen from 0, in radians; null if it or its plane is undefined. */
function angleOf(a: ArrayLike<number>, b: ArrayLike<number>): number | null {
  const [p, q] = [norm(a), norm(b)];
  if (p < 1e-9 || q < 1e-9) return null;
  // Half-angle form: exact near 0 and pi, unlike the arc cosine.
  let [difference, sum] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    difference += (a[i] / p - b[i] / q) ** 2;
    sum += (a[i] / p + b[i] / q) ** 2;
  }
  const angle = 2 * Math.atan2(Math.sqrt(difference), Math.sqrt(sum));
  return Math.PI - angle < 1e-4 ? null : angle;
}

/** n points at equal steps of the total length; `between` gives the point at a fraction of a leg. */
function along(
  points: ArrayLike<number>[],
  lengths: number[],
  n: number,
  between: (a: ArrayLike<number>, b: ArrayLike<number>, t: number) => Float32Array,
): Float32Array[] {
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const found: Float32Array[] = [];
  let [leg, passed] = [0, 0];
  for (let i = 0; i < n - 1; i++) {
    const at = (total * i) / (n - 1);
    while (leg < lengths.length - 1 && passed + lengths[leg] <= at) passed += lengths[leg++];
    const t = lengths.length && lengths[leg] > 0 ? Math.min((at - passed) / lengths[leg], 1) : 0;
    found.push(lengths.length ? between(points[leg], points[leg + 1], t) : Float32Array.from(points[0]));
  }
  // The last point exactly, free of rounding.
  return n > 0 ? [...found, Float32Array.from(points[points.length - 1])] : [];
}

/** Steps per leg, by length, that sum to `steps`; each leg gets at least one where there are enough. */
function framesPerLeg(lengths: number[], steps: number): number[] {
  const total = lengths.reduce((sum, length) => sum + length, 0);
  if (!(total > 0)) return lengths.map((_, i) => (i === 0 ? steps : 0));
  const least = steps >= lengths.length ? 1 : 0;
  let [passed, given] = [0, 0];
  return lengths.map((length, i) => {
    passed += length;
    const rest = least * (lengths.length - 1 - i);
    const upTo = i === lengths.length - 1 ? steps : Math.round((steps * passed) / total);
    const share = Math.min(Math.max(upTo - given, least), steps - given - rest);
    given += share;
    return share;
  });
}
