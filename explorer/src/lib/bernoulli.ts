/** The Bernoulli likelihood from logits, in nats; on grey pixels it is minus the cross-entropy. */

/** softplus(l) = log(1 + exp(l)) without overflow. */
function softplus(l: number): number {
  return Math.max(l, 0) + Math.log1p(Math.exp(-Math.abs(l)));
}

/** log p(x | logits) = sum_p x_p l_p - softplus(l_p), in nats; both have P entries, x in [0, 1]. */
export function logLikelihood(logits: Float32Array, x: Float32Array): number {
  let sum = 0;
  for (let p = 0; p < x.length; p++) sum += x[p] * logits[p] - softplus(logits[p]);
  return sum;
}

/** sum_p softplus(l_gp) of each of G rows of `pixels` logits, (G,): the part of log p(x | z) that x does not change. */
export function softplusSums(logits: Float32Array, pixels: number): Float64Array {
  const sums = new Float64Array(logits.length / pixels);
  for (let g = 0, at = 0; g < sums.length; g++) {
    let sum = 0;
    for (let p = 0; p < pixels; p++) sum += softplus(logits[at++]);
    sums[g] = sum;
  }
  return sums;
}

/**
 * log p(x | z_g) of one image x (P,) for G rows of logits (G * P), in nats, (G,).
 *
 * Only the pixels of x that are not 0 are read: most pixels of a digit are 0, so a new image costs a fifth of a pass.
 */
export function pairwise(logits: Float32Array, softplusSums: Float64Array, x: Float32Array): Float64Array {
  const pixels = x.length;
  const inked: number[] = [];
  for (let p = 0; p < pixels; p++) if (x[p] !== 0) inked.push(p);
  const at = Int32Array.from(inked);
  const ink = Float64Array.from(inked, (p) => x[p]);
  const found = new Float64Array(softplusSums.length);
  for (let g = 0; g < found.length; g++) {
    const row = g * pixels;
    let sum = -softplusSums[g];
    for (let i = 0; i < at.length; i++) sum += ink[i] * logits[row + at[i]];
    found[g] = sum;
  }
  return found;
}
