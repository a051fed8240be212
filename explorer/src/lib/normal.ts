/** Normal densities, draws and ellipses; all densities in nats. */

const LOG_2_PI = Math.log(2 * Math.PI);

/** log N(z; 0, I) = -(|z|^2 + D log 2 pi) / 2, in nats; z has D entries. */
export function logDensity(z: ArrayLike<number>): number {
  let squares = 0;
  for (let i = 0; i < z.length; i++) squares += z[i] * z[i];
  return -0.5 * (squares + z.length * LOG_2_PI);
}

/** log N(z; mean, diag(stddev^2)) in nats; z, mean and stddev have D entries each. */
export function normalLogDensity(z: ArrayLike<number>, mean: ArrayLike<number>, stddev: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < z.length; i++) {
    const u = (z[i] - mean[i]) / stddev[i];
    sum += 0.5 * u * u + Math.log(stddev[i]);
  }
  return -sum - 0.5 * z.length * LOG_2_PI;
}

/**
 * KL(N(mean, stddev^2) || N(0, 1)) = (mean^2 + stddev^2 - 1) / 2 - log stddev, in nats, one number per dimension
 * (Kingma and Welling 2014, appendix B).
 */
export function klByDimension(mean: ArrayLike<number>, stddev: ArrayLike<number>): Float64Array {
  const kl = new Float64Array(mean.length);
  for (let i = 0; i < kl.length; i++) {
    kl[i] = 0.5 * (mean[i] * mean[i] + stddev[i] * stddev[i] - 1) - Math.log(stddev[i]);
  }
  return kl;
}

/** n independent draws from N(0, 1) (Box and Muller 1958); `random` gives uniform numbers in [0, 1). */
export function gaussianDraw(random: () => number, n: number): Float32Array {
  const draws = new Float32Array(n);
  for (let i = 0; i < n; i += 2) {
    // 1 - u lies in (0, 1], where the logarithm is finite.
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    draws[i] = radius * Math.cos(angle);
    if (i + 1 < n) draws[i + 1] = radius * Math.sin(angle);
  }
  return draws;
}

/** A generator of uniform numbers in [0, 1) from a 32-bit seed: mulberry32 (Tommy Ettinger 2017). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * n points of the ellipse (z - mean)^T covariance^-1 (z - mean) = radius^2, in order around it.
 *
 * `covariance` holds xx, xy, yy. The point at angle t is mean + radius L (cos t, sin t) with L L^T the covariance
 * (Cholesky). A covariance that rounding has made slightly indefinite gives a flat ellipse.
 */
export function ellipse(
  mean: [number, number],
  covariance: [number, number, number],
  radius: number,
  n = 64,
): [number, number][] {
  const [xx, xy, yy] = covariance;
  const a = Math.sqrt(Math.max(xx, 0));
  const b = a > 0 ? xy / a : 0;
  const c = Math.sqrt(Math.max(yy - b * b, 0));
  return Array.from({ length: n }, (_, i) => {
    const angle = (2 * Math.PI * i) / n;
    const u = radius * Math.cos(angle);
    const v = radius * Math.sin(angle);
    return [mean[0] + a * u, mean[1] + b * u + c * v];
  });
}
