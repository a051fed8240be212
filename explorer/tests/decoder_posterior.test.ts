import { expect, test } from "vitest";
import { logLikelihood } from "../src/lib/bernoulli";
import { gaussianDraw, logDensity, normalLogDensity, seeded } from "../src/lib/normal";
import { bestNormal, truePosterior } from "../src/lib/posterior";

/** log p(x, z) of a decoder with one hidden layer of ReLUs and 64 Bernoulli pixels: a posterior that is not normal. */
function logJointOf(seed: number, scale: number) {
  const random = seeded(seed);
  const hidden = 40;
  const [first, offset, second] = [
    gaussianDraw(random, 2 * hidden),
    gaussianDraw(random, hidden),
    gaussianDraw(random, 64 * hidden),
  ];
  const logits = (z: ArrayLike<number>) => {
    const active = offset.map((value, h) => Math.max(value + first[2 * h] * z[0] + first[2 * h + 1] * z[1], 0));
    return Float32Array.from({ length: 64 }, (_, p) => {
      let sum = 0;
      for (let h = 0; h < hidden; h++) sum += second[p * hidden + h] * active[h];
      return (scale * sum) / Math.sqrt(hidden);
    });
  };
  const x = logits(gaussianDraw(random, 2)).map((l) => (random() < 1 / (1 + Math.exp(-l)) ? 1 : 0));
  return (z: ArrayLike<number>) => logLikelihood(logits(z), x) + logDensity(z);
}

const start = { centre: [0, 0] as [number, number], reach: [6, 6] as [number, number] };

test.each([
  [1, 0.6],
  [3, 6],
])(
  "decoder %d at scale %f: log p(x) and the best ELBO against sums over a fine grid",
  async (seed, scale) => {
    const logJoint = logJointOf(seed, scale);
    const found = await truePosterior(
      async (z) => Float64Array.from({ length: z.length / 2 }, (_, i) => logJoint(z.subarray(2 * i, 2 * i + 2))),
      start,
    );
    expect(found.converged).toBe(true);
    const best = bestNormal(found);
    // A grid over all that either density reaches; the quadrature has no part in it.
    const reach = [0, 1].map((d) => 8 * Math.max(Math.sqrt(found.covariance[2 * d]), best.stddev[d]));
    const n = 160;
    const steps = reach.map((value) => (2 * value) / n);
    const near = [0.97, 1.03].flatMap((factor) => [
      { ...best, stddev: [factor * best.stddev[0], best.stddev[1]] },
      { ...best, stddev: [best.stddev[0], factor * best.stddev[1]] },
      { ...best, mean: [best.mean[0] + (factor - 1) * best.stddev[0], best.mean[1]] },
      { ...best, mean: [best.mean[0], best.mean[1] + (factor - 1) * best.stddev[1]] },
    ]);
    const candidates = [best, ...near];
    let evidence = 0;
    const elbos = candidates.map(() => 0);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        const z = [found.mean[0] - reach[0] + (i + 0.5) * steps[0], found.mean[1] - reach[1] + (j + 0.5) * steps[1]];
        const joint = logJoint(z);
        evidence += Math.exp(joint - found.logEvidence) * steps[0] * steps[1];
        candidates.forEach(({ mean, stddev }, at) => {
          const log = normalLogDensity(z, mean, stddev);
          if (log > -40) elbos[at] += Math.exp(log) * (joint - log) * steps[0] * steps[1];
        });
      }
    }
    expect(Math.abs(Math.log(evidence))).toBeLessThan(2e-3);
    expect(elbos[0]).toBeCloseTo(found.logEvidence - best.kl, 2);
    // Every step away from the best normal lowers the ELBO.
    for (const elbo of elbos.slice(1)) expect(elbo).toBeLessThan(elbos[0] + 2e-5);
  },
  30_000,
);
