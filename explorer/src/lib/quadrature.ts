/** Gauss-Hermite quadrature: expectations under a normal distribution. */
import type { Nodes } from "./shown.svelte";

// Nodes and weights for the weight exp(-t^2 / 2) / sqrt(2 pi), eight points (Abramowitz and Stegun 1964, table 25.10,
// nodes times sqrt(2), weights divided by sqrt(pi)).
const NODES = [0.539079811351375, 1.636519042435108, 2.802485861287542, 4.144547186125894];
const WEIGHTS = [0.3730122576790774, 0.1172399076617590, 0.009635220120788264, 0.0001126145383753679];

/** The 64 nodes of a diagonal normal over two dimensions; exact for polynomials up to degree 15 in each. */
export function hermiteGrid(mean: Float32Array, stddev: Float32Array): Nodes {
  const t = [...NODES.map((node) => -node).reverse(), ...NODES];
  const w = [...[...WEIGHTS].reverse(), ...WEIGHTS];
  const z = new Float32Array(2 * t.length ** 2);
  const weights = new Float64Array(t.length ** 2);
  t.forEach((s, i) =>
    t.forEach((r, j) => {
      const k = i * t.length + j;
      z[2 * k] = mean[0] + stddev[0] * s;
      z[2 * k + 1] = mean[1] + stddev[1] * r;
      weights[k] = w[i] * w[j];
    }),
  );
  return { z, weights, name: `quadrature with ${weights.length} points z` };
}
