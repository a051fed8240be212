import { describe, expect, test } from "vitest";
import { ellipse, gaussianDraw, klByDimension, logDensity, normalLogDensity, seeded } from "../src/lib/normal";

/** The integral of f over [-reach, reach] by the midpoint rule, which is exact to rounding for these integrands. */
function integral(f: (z: number) => number, reach = 12, n = 4000): number {
  const step = (2 * reach) / n;
  let sum = 0;
  for (let i = 0; i < n; i++) sum += f(-reach + (i + 0.5) * step);
  return sum * step;
}

describe("densities", () => {
  test("they integrate to 1", () => {
    expect(integral((z) => Math.exp(logDensity([z])))).toBeCloseTo(1, 10);
    expect(integral((z) => Math.exp(normalLogDensity([z], [1.3], [0.4])))).toBeCloseTo(1, 10);
  });

  test("the density of independent dimensions is the product", () => {
    const [z, mean, stddev] = [
      [0.3, -2, 1],
      [1, -1, 0],
      [0.1, 2, 3],
    ];
    const parts = z.map((_, i) => normalLogDensity([z[i]], [mean[i]], [stddev[i]]));
    expect(normalLogDensity(z, mean, stddev)).toBeCloseTo(
      parts.reduce((a, b) => a + b),
      12,
    );
    expect(normalLogDensity(z, [0, 0, 0], [1, 1, 1])).toBeCloseTo(logDensity(z), 12);
  });

  test("KL equals its integral", () => {
    const [mean, stddev] = [
      [0, 1.5, -0.2],
      [1, 0.3, 2],
    ];
    const kl = klByDimension(mean, stddev);
    expect(kl[0]).toBe(0);
    for (let i = 0; i < 3; i++) {
      const expected = integral((z) => {
        const logQ = normalLogDensity([z], [mean[i]], [stddev[i]]);
        return Math.exp(logQ) * (logQ - logDensity([z]));
      }, 25);
      expect(kl[i]).toBeCloseTo(expected, 9);
    }
  });
});

describe("draws", () => {
  test("the seed determines them", () => {
    expect(gaussianDraw(seeded(3), 7)).toEqual(gaussianDraw(seeded(3), 7));
    expect(gaussianDraw(seeded(3), 7)).not.toEqual(gaussianDraw(seeded(4), 7));
    expect(gaussianDraw(seeded(3), 7).every(Number.isFinite)).toBe(true);
  });

  test("the largest radius is finite", () => {
    expect(gaussianDraw(() => 0, 3).every(Number.isFinite)).toBe(true);
    expect(gaussianDraw(() => 1 - 2 ** -32, 3).every(Number.isFinite)).toBe(true);
  });

  test("moments are those of N(0, 1)", () => {
    const n = 100_000;
    const draws = gaussianDraw(seeded(1), n);
    const moment = (k: number) => draws.reduce((sum, z) => sum + z ** k, 0) / n;
    // Each bound is five standard errors: the variances of z, z^2, z^3 and z^4 are 1, 2, 15 and 96.
    for (const [k, expected, variance] of [
      [1, 0, 1],
      [2, 1, 2],
      [3, 0, 15],
      [4, 3, 96],
    ]) {
      expect(Math.abs(moment(k) - expected)).toBeLessThan(5 * Math.sqrt(variance / n));
    }
    let neighbours = 0;
    for (let i = 1; i < n; i++) neighbours += draws[i] * draws[i - 1];
    expect(Math.abs(neighbours / n)).toBeLessThan(5 / Math.sqrt(n));
  });
});

describe("ellipse", () => {
  test("every point has the Mahalanobis distance `radius`", () => {
    const [xx, xy, yy] = [2, -0.9, 0.5];
    const points = ellipse([3, -1], [xx, xy, yy], 1.5, 40);
    expect(points).toHaveLength(40);
    for (const [x, y] of points) {
      const [u, v] = [x - 3, y + 1];
      expect((yy * u * u - 2 * xy * u * v + xx * v * v) / (xx * yy - xy * xy)).toBeCloseTo(2.25, 9);
    }
  });

  test("its area is pi radius^2 times the root of the determinant", () => {
    const points = ellipse([3, -1], [2, -0.9, 0.5], 1.5, 2000);
    let area = 0;
    points.forEach(([x, y], i) => {
      const [nextX, nextY] = points[(i + 1) % points.length];
      area += 0.5 * (x * nextY - nextX * y);
    });
    expect(area).toBeCloseTo(Math.PI * 2.25 * Math.sqrt(2 * 0.5 - 0.81), 4);
  });

  test("a covariance of rank one gives a segment", () => {
    for (const [x, y] of ellipse([0, 0], [1, 1, 1 - 1e-17], 2)) expect(y).toBeCloseTo(x, 6);
    expect(ellipse([0, 0], [0, 0, 0], 2, 3)).toEqual(
      [
        [0, 0],
        [0, 0],
        [0, 0],
      ].map((p) => p.map((v) => expect.closeTo(v))),
    );
  });
});
