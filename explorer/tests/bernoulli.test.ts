import { expect, test } from "vitest";
import { logLikelihood, pairwise, softplusSums } from "../src/lib/bernoulli";
import { seeded } from "../src/lib/normal";

test("probabilities of all binary images sum to 1", () => {
  const logits = Float32Array.of(0.3, -2, 5, 0);
  let total = 0;
  for (let code = 0; code < 16; code++) {
    total += Math.exp(
      logLikelihood(
        logits,
        Float32Array.from([0, 1, 2, 3], (bit) => (code >> bit) & 1),
      ),
    );
  }
  expect(total).toBeCloseTo(1, 12);
});

test("grey pixels give minus the cross-entropy", () => {
  const probability = 1 / (1 + Math.exp(-1.5));
  const expected = 0.3 * Math.log(probability) + 0.7 * Math.log(1 - probability);
  expect(logLikelihood(Float32Array.of(1.5), Float32Array.of(0.3))).toBeCloseTo(expected, 7);
});

test("large logits neither overflow nor lose the small term", () => {
  const at = (l: number, x: number) => logLikelihood(Float32Array.of(l), Float32Array.of(x));
  expect(at(100, 0)).toBe(-100);
  expect(at(-100, 1)).toBe(-100);
  expect(at(100, 1)).toBeCloseTo(0, 14);
  expect(at(-100, 0)).toBeCloseTo(-Math.exp(-100), 50);
  expect(at(-30, 0)).toBeCloseTo(-Math.exp(-30), 24);
  expect(at(1000, 1)).toBeCloseTo(0, 14);
});

test("the sum over many pixels is in float64", () => {
  const n = 1_000_000;
  const logits = new Float32Array(n).fill(0.1);
  const each = Math.log1p(Math.exp(Math.fround(0.1)));
  expect(logLikelihood(logits, new Float32Array(n)) / n).toBeCloseTo(-each, 11);
});

test("pairs equal the one-image formula", () => {
  const random = seeded(5);
  const [rows, pixels] = [7, 31];
  const logits = Float32Array.from({ length: rows * pixels }, () => 200 * random() - 100);
  const x = Float32Array.from({ length: pixels }, () => (random() < 0.7 ? 0 : random()));
  const found = pairwise(logits, softplusSums(logits, pixels), x);
  expect(found).toHaveLength(rows);
  for (let g = 0; g < rows; g++) {
    expect(found[g]).toBeCloseTo(logLikelihood(logits.subarray(g * pixels, (g + 1) * pixels), x), 9);
  }
});

test("an image without ink is minus the softplus sum", () => {
  const logits = Float32Array.of(1, -1, 2, 0);
  const sums = softplusSums(logits, 2);
  expect(pairwise(logits, sums, new Float32Array(2))).toEqual(sums.map((sum) => -sum));
});
