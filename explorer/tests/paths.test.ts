import { describe, expect, test } from "vitest";
import { linear, pathLength, shortest, spherical } from "../src/lib/paths";

const norm = (z: ArrayLike<number>) => Math.hypot(...Array.from(z));
const steps = (path: Float32Array[]) => path.slice(1).map((z, i) => norm(z.map((value, d) => value - path[i][d])));

/** A decoder from a function of one point. */
function decoder(g: (z: Float32Array) => number[], count = { decodes: 0 }) {
  return async (z: Float32Array, n: number) => {
    count.decodes += n;
    const dimensions = z.length / n;
    return Float32Array.from(
      Array.from({ length: n }, (_, i) => g(z.subarray(i * dimensions, (i + 1) * dimensions))).flat(),
    );
  };
}

const sphere = ([longitude, latitude]: ArrayLike<number> & Iterable<number>) => [
  Math.cos(longitude) * Math.cos(latitude),
  Math.sin(longitude) * Math.cos(latitude),
  Math.sin(latitude),
];

describe("straight paths", () => {
  test("two points: equal steps, ends exact", () => {
    const path = linear(
      [
        [0, 0.1],
        [4, 0.1 - 3],
      ],
      11,
    );
    expect(path).toHaveLength(11);
    expect(path[0]).toEqual(Float32Array.of(0, 0.1));
    expect(path[10]).toEqual(Float32Array.of(4, 0.1 - 3));
    steps(path).forEach((step) => expect(step).toBeCloseTo(0.5, 5));
  });

  test("several points: equal steps over legs of different lengths, all of them on the legs", () => {
    const path = linear(
      [
        [0, 0],
        [1, 0],
        [1, 3],
      ],
      9,
    );
    expect(path.map((z) => Array.from(z))).toEqual([
      [0, 0],
      [0.5, 0],
      [1, 0],
      [1, 0.5],
      [1, 1],
      [1, 1.5],
      [1, 2],
      [1, 2.5],
      [1, 3],
    ]);
  });

  test("equal points and a single point", () => {
    expect(
      linear(
        [
          [1, 2],
          [1, 2],
        ],
        3,
      ),
    ).toEqual(Array(3).fill(Float32Array.of(1, 2)));
    expect(linear([[1, 2]], 2)).toEqual(Array(2).fill(Float32Array.of(1, 2)));
  });
});

describe("spherical paths", () => {
  test("a quarter of a circle in equal angles", () => {
    spherical(
      [
        [2, 0],
        [0, 2],
      ],
      7,
    ).forEach((z, i) => {
      expect(z[0]).toBeCloseTo(2 * Math.cos((i * Math.PI) / 12), 5);
      expect(z[1]).toBeCloseTo(2 * Math.sin((i * Math.PI) / 12), 5);
    });
  });

  test("norms are interpolated and the plane is kept", () => {
    const path = spherical(
      [
        [1, 0, 0],
        [0, 3, 0],
      ],
      5,
    );
    expect(path.map(norm)).toEqual([1, 1.5, 2, 2.5, 3].map((value) => expect.closeTo(value, 5)));
    path.forEach((z) => expect(z[2]).toBe(0));
  });

  test("the same direction gives a straight line", () => {
    expect(
      spherical(
        [
          [1, 1],
          [3, 3],
        ],
        3,
      )[1],
    ).toEqual(Float32Array.of(2, 2));
    expect(
      steps(
        spherical(
          [
            [1, 0],
            [1, 1e-5],
          ],
          5,
        ),
      ).every((step) => Math.abs(step - 2.5e-6) < 1e-8),
    ).toBe(true);
  });

  test("opposite points and zero have no arc: the line is straight and finite", () => {
    expect(
      spherical(
        [
          [1, 0],
          [-1, 0],
        ],
        3,
      ).map((z) => Array.from(z)),
    ).toEqual([
      [1, 0],
      [0, 0],
      [-1, 0],
    ]);
    expect(
      spherical(
        [
          [0, 0],
          [2, 0],
        ],
        3,
      )[1],
    ).toEqual(Float32Array.of(1, 0));
  });

  test("legs get frames by the length of their arcs", () => {
    const path = spherical(
      [
        [1, 0],
        [0, 1],
        [-1, 0],
      ],
      9,
    );
    steps(path).forEach((step) => expect(step).toBeCloseTo(2 * Math.sin(Math.PI / 16), 5));
  });
});

describe("shortest paths", () => {
  test("on the sphere: the great circle, in equal steps", async () => {
    const ends = [
      [-1, 0.9],
      [1, 0.9],
    ];
    const n = 25;
    const path = await shortest(
      ends,
      n,
      decoder((z) => sphere(z)),
      { tolerance: 1e-8 },
    );
    const frames = path.map((z) => sphere(z));
    const [a, b] = ends.map((z) => sphere(z));
    const angle = Math.acos(a.reduce((sum, value, i) => sum + value * b[i], 0));
    // n - 1 equal chords of the arc.
    const chord = 2 * Math.sin(angle / (n - 1) / 2);
    expect(pathLength(frames) / ((n - 1) * chord)).toBeCloseTo(1, 4);
    expect(pathLength(linear(ends, n).map((z) => sphere(z))) / ((n - 1) * chord)).toBeGreaterThan(1.08);
    steps(frames.map((frame) => Float32Array.from(frame))).forEach((step) => expect(step / chord).toBeCloseTo(1, 2));
    const normal = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
    for (const frame of frames) {
      expect(Math.abs(frame.reduce((sum, value, i) => sum + value * normal[i], 0)) / norm(normal)).toBeLessThan(5e-3);
    }
  });

  test("in a bent chart of the plane: the line that is straight in the plane", async () => {
    const path = await shortest(
      [
        [0, -1],
        [1, 1.5],
      ],
      20,
      decoder(([u, v]) => [u + v * v, v]),
      { tolerance: 1e-9 },
    );
    path.forEach(([u, v], i) => {
      const t = i / 19;
      expect(u + v * v).toBeCloseTo(1 + 2.25 * t, 3);
      expect(v).toBeCloseTo(-1 + 2.5 * t, 3);
    });
  });

  test("around a bump, not over it", async () => {
    const height = (u: number, v: number) => 3 * Math.exp(-2 * (u * u + v * v));
    const g = ([u, v]: ArrayLike<number> & Iterable<number>) => [u, v, height(u, v)];
    const ends = [
      [-2, 0.2],
      [2, 0.2],
    ];
    const path = await shortest(
      ends,
      30,
      decoder((z) => g(z)),
      { tolerance: 1e-7 },
    );
    const top = Math.max(...path.map(([u, v]) => height(u, v)));
    expect(top).toBeLessThan(1);
    expect(pathLength(path.map((z) => g(z)))).toBeLessThan(0.75 * pathLength(linear(ends, 30).map((z) => g(z))));
  });

  test("in more dimensions, a linear decoder leaves the straight line", async () => {
    const ends = [
      [0, 0, 0, 1],
      [1, 2, -1, 0],
    ];
    const path = await shortest(
      ends,
      8,
      decoder(([a, b, c, d]) => [2 * a + b, b - c, c, a + d, 3 * d]),
    );
    linear(ends, 8).forEach((z, i) => z.forEach((value, d) => expect(path[i][d]).toBeCloseTo(value, 4)));
  });

  test("passes through all points, with frames by length", async () => {
    const path = await shortest(
      [
        [0, 0],
        [1, 0],
        [1, 3],
      ],
      9,
      decoder(([u, v]) => [u, v]),
    );
    expect(path).toHaveLength(9);
    expect(path[2]).toEqual(Float32Array.of(1, 0));
    expect(path[8]).toEqual(Float32Array.of(1, 3));
  });

  test("keeps to the maximum of decodes, and ends when told to", async () => {
    const count = { decodes: 0 };
    await shortest(
      [
        [-1, 0.9],
        [1, 0.9],
      ],
      25,
      decoder((z) => sphere(z), count),
      { maxDecodes: 300, tolerance: 0 },
    );
    expect(count.decodes).toBeLessThanOrEqual(300);
    expect(count.decodes).toBeGreaterThan(90);
    const seen: number[] = [];
    await shortest(
      [
        [-1, 0.9],
        [1, 0.9],
      ],
      25,
      decoder((z) => sphere(z)),
      { progress: (done, energy) => (seen.push(done, energy), false) },
    );
    expect(seen).toHaveLength(2);
  });

  test("progress rises to 1 and the energy falls", async () => {
    const [done, energies]: number[][] = [[], []];
    await shortest(
      [
        [-1, 0.9],
        [1, 0.9],
        [2, 0],
      ],
      25,
      decoder((z) => sphere(z)),
      {
        progress: (share, energy) => {
          done.push(share);
          energies.push(energy);
        },
      },
    );
    expect(done).toEqual(done.slice().sort((a, b) => a - b));
    expect(done.at(-1)).toBe(1);
    expect(energies[1]).toBeLessThanOrEqual(energies[0]);
  });

  test("a decoder that ignores its input leaves the straight line", async () => {
    expect(
      await shortest(
        [
          [0, 0],
          [1, 1],
        ],
        5,
        decoder(() => [1, 2]),
      ),
    ).toEqual(
      linear(
        [
          [0, 0],
          [1, 1],
        ],
        5,
      ),
    );
  });
});
