/** The diagonal normal density that is closest to a true posterior. */

import { centre, eachLeaf, interpolate, neighbours } from "./lattice";
import type { TruePosterior } from "./posterior";

export interface BestNormal {
  mean: [number, number];
  stddev: [number, number];
  /** KL(q || p(z | x)) in nats, so that its ELBO is log p(x) - kl. */
  kl: number;
}

/** Midpoints and weights of the standard normal in one dimension; the error is far below 1e-6 for smooth functions. */
const NODES = Array.from({ length: 24 }, (_, i) => (i - 11.5) / 2);
const WEIGHTS = NODES.map((u) => Math.exp(-0.5 * u * u) / (2 * Math.sqrt(2 * Math.PI)));
/** Local maxima of the posterior from which the search starts, besides its moments. */
const MODES = 4;
const ITERATIONS = 100;
/** Smallest decrease of KL per iteration, nats. */
const SMALL = 1e-9;

/**
 * The q = N(mean, diag(stddev^2)) that minimises KL(q || p(z | x)), and so maximises the ELBO.
 *
 * KL(q || p) = -E_q[log p(z | x)] - entropy(q), with E_q by the midpoint rule on log densities interpolated between the
 * cells. Steps are Newton's in the mean, and set the precisions to -E_q[d^2 log p / dz_i^2], which holds at the optimum
 * (Opper and Archambeau 2009), each with backtracking. There are several starts, since a posterior with several modes
 * has several local optima.
 */
export function bestNormal(posterior: TruePosterior): BestNormal {
  const least = posterior.logEvidence - 1e4;
  const logDensity = (x: number, y: number) => interpolate(posterior.lattice, x, y, least) - posterior.logEvidence;
  const found = startsOf(posterior).map((start) => descend(logDensity, start));
  return found.reduce((best, other) => (other.kl < best.kl ? other : best));
}

type Normal = Omit<BestNormal, "kl">;

/** KL(q || p), and the gradient and the Hessian of E_q[log p] in the mean, by Stein's identities. */
function measure(logDensity: (x: number, y: number) => number, { mean, stddev }: Normal) {
  const values: number[] = [];
  let [expected, total] = [0, 0];
  for (let i = 0; i < NODES.length; i++) {
    for (let j = 0; j < NODES.length; j++) {
      const value = logDensity(mean[0] + stddev[0] * NODES[i], mean[1] + stddev[1] * NODES[j]);
      values.push(value);
      expected += WEIGHTS[i] * WEIGHTS[j] * value;
      total += WEIGHTS[i] * WEIGHTS[j];
    }
  }
  expected /= total;
  let [gx, gy, hxx, hxy, hyy] = [0, 0, 0, 0, 0];
  NODES.forEach((u, i) => {
    NODES.forEach((v, j) => {
      // Minus the expectation: it changes nothing on average, and removes the nodes' rounding.
      const term = WEIGHTS[i] * WEIGHTS[j] * (values[i * NODES.length + j] - expected);
      gx += term * u;
      gy += term * v;
      hxx += term * (u * u - 1);
      hxy += term * u * v;
      hyy += term * (v * v - 1);
    });
  });
  const [sx, sy] = stddev;
  return {
    kl: -expected - Math.log(sx * sy) - 1 - Math.log(2 * Math.PI),
    gradient: [gx / sx, gy / sy],
    hessian: [hxx / (sx * sx), hxy / (sx * sy), hyy / (sy * sy)],
  };
}

/** The local optimum reached from a start. */
function descend(logDensity: (x: number, y: number) => number, start: Normal): BestNormal {
  let q = start;
  let at = measure(logDensity, q);
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    const precision = q.stddev.map((s) => s ** -2);
    // A direction with positive curvature gives no precision; there, q widens by a bounded factor.
    const wanted = [-at.hessian[0], -at.hessian[2]].map((h, i) => Math.max(h, precision[i] / 4));
    const step = newton(wanted, at.hessian[1], at.gradient);
    let next = q;
    let after = at;
    for (let t = 1; t > 1e-4; t /= 2) {
      next = {
        mean: [q.mean[0] + t * step[0], q.mean[1] + t * step[1]],
        stddev: [0, 1].map((i) => (precision[i] + t * (wanted[i] - precision[i])) ** -0.5) as [number, number],
      };
      after = measure(logDensity, next);
      if (after.kl < at.kl) break;
    }
    if (!(after.kl < at.kl)) break;
    const gain = at.kl - after.kl;
    q = next;
    at = after;
    if (gain < SMALL) break;
  }
  return { ...q, kl: at.kl };
}

/** The step of the mean for precisions on the diagonal; without the mixed term where the matrix is not definite. */
function newton([a, c]: number[], mixed: number, [gx, gy]: number[]): [number, number] {
  const b = -mixed;
  const determinant = a * c - b * b;
  if (determinant <= 1e-3 * a * c) return [gx / a, gy / c];
  return [(c * gx - b * gy) / determinant, (a * gy - b * gx) / determinant];
}

/** The moments of the posterior, and its highest local maxima with the scale of their cells. */
function startsOf(posterior: TruePosterior): Normal[] {
  const { lattice } = posterior;
  const [xx, xy, yy] = posterior.covariance;
  // For a normal posterior, the best diagonal precision is the diagonal of its precision.
  const kept = Math.max(1 - (xy * xy) / (xx * yy), 1e-4);
  const moments: Normal = { mean: posterior.mean, stddev: [Math.sqrt(xx * kept), Math.sqrt(yy * kept)] };
  const peaks: { value: number; start: Normal }[] = [];
  eachLeaf(lattice, (level, cell, value) => {
    if (value < posterior.logEvidence - 50) return;
    const around = neighbours(lattice, level, cell);
    if (around.some(([near, other]) => (lattice.levels[near].get(other) as number) > value)) return;
    const step = [lattice.dx, lattice.dy].map((size) => size * 2 ** -level);
    peaks.push({ value, start: { mean: centre(lattice, level, cell), stddev: [1.5 * step[0], 1.5 * step[1]] } });
  });
  peaks.sort((a, b) => b.value - a.value);
  return [moments, ...peaks.slice(0, MODES).map((peak) => peak.start)];
}
