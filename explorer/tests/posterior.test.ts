import { describe, expect, test, vi } from "vitest";
import { seeded } from "../src/lib/normal";
import { bestNormal, densityGrid, gaps, massLevels, truePosterior } from "../src/lib/posterior";

// Integrals over tens of thousands of points take seconds on a busy machine.
vi.setConfig({ testTimeout: 30_000 });

type Mode = { mean: [number, number]; sd: [number, number]; rho: number; weight: number };

/** log of a sum of normal densities, each with its weight, at a point. */
function logMixture(modes: Mode[], x: number, y: number): number {
  const logs = modes.map(({ mean, sd, rho, weight }) => {
    const [u, v] = [(x - mean[0]) / sd[0], (y - mean[1]) / sd[1]];
    const square = (u * u - 2 * rho * u * v + v * v) / (1 - rho * rho);
    return Math.log(weight) - square / 2 - Math.log(2 * Math.PI * sd[0] * sd[1] * Math.sqrt(1 - rho * rho));
  });
  const top = Math.max(...logs);
  return top + Math.log(logs.reduce((sum, value) => sum + Math.exp(value - top), 0));
}

function quadrature(modes: Mode[], reach = 4, options = {}) {
  const logJoint = async (z: Float32Array) =>
    Float64Array.from({ length: z.length / 2 }, (_, i) => logMixture(modes, z[2 * i], z[2 * i + 1]));
  return truePosterior(logJoint, { centre: [0, 0], reach: [reach, reach] }, options);
}

const one = (mean: [number, number], sd: [number, number], rho = 0, weight = Math.exp(-90)): Mode => ({
  mean,
  sd,
  rho,
  weight,
});

describe("a normal joint density", () => {
  test.each([
    ["wide", one([0.3, -0.2], [0.7, 0.5])],
    ["correlated", one([0.5, 1], [0.3, 0.2], 0.9)],
    ["a narrow ridge", one([0.4, -0.7], [0.3, 0.2], -0.998)],
    ["much narrower than the first cells", one([1.234, -2.345], [0.01, 0.01])],
    ["narrow along one axis", one([-1.111, 0.777], [0.01, 0.5])],
    ["narrow, in the corner between four cells", one([1, 1], [0.01, 0.012], 0.5)],
    ["2e-3 wide", one([0.719, 3.1415], [0.002, 0.002])],
  ])("%s: log p(x) and the moments are exact", async (_, mode) => {
    const found = await quadrature([mode]);
    const { mean, sd, rho } = mode;
    expect(found.converged).toBe(true);
    expect(Math.abs(found.logEvidence + 90)).toBeLessThan(1e-3);
    expect(found.change).toBeLessThan(0.005);
    expect(Math.abs(found.mean[0] - mean[0]) / sd[0]).toBeLessThan(1e-3);
    expect(Math.abs(found.mean[1] - mean[1]) / sd[1]).toBeLessThan(1e-3);
    const expected = [sd[0] ** 2, rho * sd[0] * sd[1], sd[1] ** 2];
    found.covariance.forEach((value, i) => {
      expect(Math.abs(value - expected[i])).toBeLessThan(2e-3 * sd[i > 1 ? 1 : 0] * sd[i > 0 ? 1 : 0]);
    });
    expect(found.edge).toBeLessThan(1e-6);
    expect(found.points).toBeLessThan(40_000);
  });

  test("the narrow ones are found wherever they lie between the first points", async () => {
    const random = seeded(2);
    for (let trial = 0; trial < 30; trial++) {
      const sd = 10 ** (-2.5 + 2 * random());
      const mode = one(
        [5 * random() - 2.5, 5 * random() - 2.5],
        [sd, sd * (0.3 + 0.7 * random())],
        1.8 * random() - 0.9,
      );
      const found = await quadrature([mode]);
      expect(Math.abs(found.logEvidence + 90), JSON.stringify(mode)).toBeLessThan(1e-3);
    }
  });

  test("the cells cover the range once", async () => {
    const { cells } = await quadrature([one([0.5, 1], [0.3, 0.2], 0.9)]);
    const sum = (f: (i: number) => number) => Array.from(cells.x.keys()).reduce((total, i) => total + f(i), 0);
    expect(sum((i) => cells.dx[i] * cells.dy[i])).toBeCloseTo(64, 9);
    expect(sum((i) => Math.exp(cells.logDensity[i]) * cells.dx[i] * cells.dy[i])).toBeCloseTo(1, 9);
  });

  test("mass at the edge of the range is reported", async () => {
    const found = await quadrature([one([4, 0], [0.3, 0.3])]);
    expect(found.edge).toBeGreaterThan(0.1);
    expect(Math.abs(found.logEvidence - (-90 - Math.log(2)))).toBeLessThan(0.1);
  });
});

describe("several modes", () => {
  const far = [one([-2.013, 0.4], [0.3, 0.2], 0, 0.3), one([2.207, -1], [0.01, 0.02], 0, 0.7)];

  test("a wide one does not hide a narrow one", async () => {
    const found = await quadrature(far);
    expect(Math.abs(found.logEvidence)).toBeLessThan(1e-3);
    expect(found.mean[0]).toBeCloseTo(0.3 * -2.013 + 0.7 * 2.207, 3);
    expect(found.covariance[0]).toBeCloseTo(0.3 * 0.09 + 0.7 * 1e-4 + 0.21 * 4.22 ** 2, 2);
  });

  test("a mode on one of the first points does not hide one between four of them", async () => {
    const onPoint = -4 + 30.5 / 6;
    const modes = [one([onPoint, onPoint], [0.01, 0.01], 0, 0.5), one([-1, -1], [0.01, 0.01], 0, 0.5)];
    expect(Math.abs((await quadrature(modes)).logEvidence)).toBeLessThan(1e-3);
  });

  test("three narrow ones are resolved though their covariance is wide", async () => {
    const modes = [
      one([-2, 1.03], [0.03, 0.03], 0, 1 / 3),
      one([1.57, 1], [0.03, 0.03], 0, 1 / 3),
      one([0, -2.02], [0.03, 0.03], 0, 1 / 3),
    ];
    expect(Math.abs((await quadrature(modes)).logEvidence)).toBeLessThan(1e-3);
  });
});

describe("equal sums at two steps", () => {
  // At this place in a cell, the sums at steps of 4 and of 2 standard deviations agree, and are both 1.4 % off along an
  // axis: the error of the midpoint rule at step h is 2 exp(-2 pi^2 sd^2 / h^2) cos(2 pi offset / h).
  const [first, sd] = [1 / 6, 1 / 24];
  const at = (cell: number) => -4 + (cell + 0.5 + 0.2421) * first;

  test("a narrow ridge is resolved, though no cell holds much of it", async () => {
    const found = await quadrature([one([at(20), 0.3], [sd, 0.5], 0, 1)]);
    expect(Math.abs(found.logEvidence)).toBeLessThan(1e-3);
  });

  test("narrow modes are resolved, though their covariance is wide", async () => {
    const modes = [
      [5, 9],
      [30, 40],
      [40, 12],
    ].map(([i, j]) => one([at(i), at(j)], [sd, sd], 0, 1 / 3));
    expect(Math.abs((await quadrature(modes)).logEvidence)).toBeLessThan(1e-3);
  });
});

describe("limits", () => {
  test("too few points: a result that says so", async () => {
    const found = await quadrature([one([1.234, -2.345], [0.002, 0.002])], 4, { maxPoints: 2500 });
    expect(found.converged).toBe(false);
    expect(found.points).toBeLessThanOrEqual(2500);
  });

  test("log densities that are not numbers, or 0 everywhere, are refused", async () => {
    const start = { centre: [0, 0] as [number, number], reach: [1, 1] as [number, number] };
    const constant = (value: number) => async (z: Float32Array) => new Float64Array(z.length / 2).fill(value);
    await expect(truePosterior(constant(NaN), start)).rejects.toThrow("not a number");
    await expect(truePosterior(constant(-Infinity), start)).rejects.toThrow("0 everywhere");
  });

  test("a density that is 0 in places is integrated over the rest", async () => {
    const half = async (z: Float32Array) =>
      Float64Array.from({ length: z.length / 2 }, (_, i) => (z[2 * i] > 0 ? 0 : -Infinity));
    const found = await truePosterior(half, { centre: [0, 0], reach: [1, 1] });
    expect(found.logEvidence).toBeCloseTo(Math.log(2), 9);
  });
});

describe("the density on a grid", () => {
  test("its values are the density and its levels the ellipses of a normal", async () => {
    const mode = one([0.5, 1], [0.3, 0.2], 0.6);
    const grid = densityGrid(await quadrature([mode]));
    expect(grid.values).toHaveLength(96 * 96);
    let worst = 0;
    const logPeak = logMixture([{ ...mode, weight: 1 }], 0.5, 1);
    for (let j = 0; j < 96; j++) {
      for (let i = 0; i < 96; i++) {
        const exact = Math.exp(logMixture([{ ...mode, weight: 1 }], grid.x0 + i * grid.dx, grid.y0 + j * grid.dy));
        worst = Math.max(worst, Math.abs(grid.values[j * 96 + i] - exact) / Math.exp(logPeak));
      }
    }
    expect(worst).toBeLessThan(1e-3);
    expect(grid.values.reduce((sum, value) => sum + value, 0) * grid.dx * grid.dy).toBeCloseTo(1, 3);
    // Within Mahalanobis distance r lies the mass 1 - exp(-r^2 / 2), and there the density is that share of the peak's.
    massLevels(grid, [0.39, 0.86, 0.99]).forEach((level, i) => {
      expect(level / Math.exp(logPeak)).toBeCloseTo([0.61, 0.14, 0.01][i], 2);
    });
  });
});

describe("the best normal", () => {
  test("is the posterior itself if that has no correlation", async () => {
    const best = bestNormal(await quadrature([one([0.5, 1], [0.03, 0.2])]));
    expect(Math.abs(best.kl)).toBeLessThan(1e-5);
    expect(best.mean[0]).toBeCloseTo(0.5, 4);
    expect(best.mean[1]).toBeCloseTo(1, 4);
    expect(best.stddev[0] / 0.03).toBeCloseTo(1, 3);
    expect(best.stddev[1] / 0.2).toBeCloseTo(1, 3);
  });

  test.each([0.5, -0.9, 0.99])("correlation %f: precisions of the posterior, KL = -log(1 - rho^2) / 2", async (rho) => {
    const best = bestNormal(await quadrature([one([0.5, 1], [0.3, 0.2], rho)]));
    const kept = Math.sqrt(1 - rho * rho);
    expect(best.kl).toBeCloseTo(-Math.log(kept), 4);
    expect(best.stddev[0] / (0.3 * kept)).toBeCloseTo(1, 3);
    expect(best.stddev[1] / (0.2 * kept)).toBeCloseTo(1, 3);
    expect(best.mean[0]).toBeCloseTo(0.5, 3);
  });

  test("takes the heavier of two modes that lie far apart, KL = -log of its weight", async () => {
    const best = bestNormal(await quadrature([one([-2, 0.4], [0.3, 0.2], 0, 0.3), one([2, -1], [0.05, 0.06], 0, 0.7)]));
    expect(best.kl).toBeCloseTo(-Math.log(0.7), 3);
    expect(best.mean[0]).toBeCloseTo(2, 3);
    expect(best.stddev[1]).toBeCloseTo(0.06, 4);
  });
});

test("the gaps sum to log p(x) - ELBO", () => {
  const { approximation, amortisation } = gaps(-80, -84, -81.5);
  expect([approximation, amortisation]).toEqual([1.5, 2.5]);
});
