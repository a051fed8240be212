import { expect, test } from "vitest";
import { aggregatePosterior } from "../src/lib/density";
import { gaussianDraw, seeded } from "../src/lib/normal";

const box = { x0: -6, y0: -5, x1: 6, y1: 5 };

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

test("it equals the mean of the densities", () => {
  const means = Float32Array.of(0.3, -1, -2, 2, 1, 1);
  const stddevs = Float32Array.of(0.8, 0.5, 0.4, 1, 0.6, 0.7);
  const [nx, ny] = [60, 40];
  const found = aggregatePosterior(means, stddevs, box, nx, ny);
  for (let j = 0; j < ny; j++) {
    for (let i = 0; i < nx; i++) {
      const [x, y] = [-6 + (i + 0.5) * 0.2, -5 + (j + 0.5) * 0.25];
      let expected = 0;
      for (let n = 0; n < 3; n++) {
        const [u, v] = [(x - means[2 * n]) / stddevs[2 * n], (y - means[2 * n + 1]) / stddevs[2 * n + 1]];
        expected += Math.exp(-0.5 * (u * u + v * v)) / (2 * Math.PI * stddevs[2 * n] * stddevs[2 * n + 1]) / 3;
      }
      expect(Math.abs(found[j * nx + i] - expected)).toBeLessThan(2e-4);
    }
  }
});

test("the mass in the box is 1 for wide components and for points", () => {
  const random = seeded(1);
  for (const scale of [1, 0.1, 1e-3, 0]) {
    const means = gaussianDraw(random, 400).map((value) => 0.5 * value);
    const stddevs = new Float32Array(400).fill(0).map(() => scale * (0.3 + 0.7 * random()));
    const found = aggregatePosterior(means, stddevs, box, 96, 96);
    expect(Math.abs(sum(found) * (12 / 96) * (10 / 96) - 1)).toBeLessThan(5e-3);
  }
});

test("the cut at 4 standard deviations loses no mass", () => {
  const found = aggregatePosterior(Float32Array.of(0.01, 0.02), Float32Array.of(0.8, 0.8), box, 200, 200);
  expect(Math.abs(sum(found) * (12 / 200) * (10 / 200) - 1)).toBeLessThan(5e-5);
});

test("a component at the border contributes its part inside, one beyond nothing", () => {
  const edge = aggregatePosterior(Float32Array.of(-6, 0), Float32Array.of(0.5, 0.5), box, 96, 96);
  expect(sum(edge) * (12 / 96) * (10 / 96)).toBeCloseTo(0.5, 3);
  const beyond = aggregatePosterior(Float32Array.of(-9, 0), Float32Array.of(0.5, 0.5), box, 96, 96);
  expect(sum(beyond)).toBe(0);
});

test("5,000 components on 96 x 96 cells take less than 60 ms", () => {
  const random = seeded(2);
  const means = gaussianDraw(random, 10_000);
  const stddevs = Float32Array.from({ length: 10_000 }, () => 0.02 + 0.1 * random());
  const times = Array.from({ length: 5 }, () => {
    const start = performance.now();
    aggregatePosterior(means, stddevs, box, 96, 96);
    return performance.now() - start;
  });
  expect(Math.min(...times)).toBeLessThan(60);
});
