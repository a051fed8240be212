import { describe, expect, test } from "vitest";
import { seeded } from "../src/lib/normal";
import { centreInk, strokeOnto } from "../src/lib/ink";

/** A drawing with ink in the rectangle of rows top..bottom-1 and columns left..right-1. */
function rectangle(size: number, top: number, bottom: number, left: number, right: number, value = 1): Float32Array {
  return Float32Array.from({ length: size * size }, (_, at) => {
    const [y, x] = [Math.floor(at / size), at % size];
    return y >= top && y < bottom && x >= left && x < right ? value : 0;
  });
}

/** Sum of the ink and its centre of mass in pixels from the upper left corner. */
function mass(field: Float32Array, width: number) {
  let [sum, x, y] = [0, 0, 0];
  field.forEach((value, at) => {
    sum += value;
    x += value * ((at % width) + 0.5);
    y += value * (Math.floor(at / width) + 0.5);
  });
  return { sum, x: x / sum, y: y / sum };
}

describe("a centred drawing", () => {
  test("a square becomes the 20 x 20 box in the middle", () => {
    expect(centreInk(rectangle(280, 3, 103, 150, 250), 280)).toEqual(rectangle(28, 4, 24, 4, 24));
  });

  test("a square of the field's own resolution is only moved", () => {
    expect(centreInk(rectangle(28, 0, 20, 8, 28), 28)).toEqual(rectangle(28, 4, 24, 4, 24));
  });

  test("a small square is enlarged", () => {
    const field = centreInk(rectangle(40, 0, 5, 35, 40), 40);
    rectangle(28, 4, 24, 4, 24).forEach((value, at) => expect(field[at]).toBeCloseTo(value, 6));
  });

  test("the aspect is kept", () => {
    const field = centreInk(rectangle(200, 10, 110, 5, 55), 200);
    rectangle(28, 4, 24, 9, 19).forEach((value, at) => expect(field[at]).toBeCloseTo(value, 6));
  });

  test("a box whose borders fall inside pixels covers these by part", () => {
    // 100 x 25 drawn pixels become 20 x 5; the middle is at 14, so columns 11.5 to 16.5 are covered.
    const field = centreInk(rectangle(120, 10, 110, 50, 75), 120);
    expect(Array.from(field.subarray(10 * 28 + 10, 10 * 28 + 18)).map((v) => Math.round(v * 1e4) / 1e4)).toEqual([
      0, 0.5, 1, 1, 1, 1, 0.5, 0,
    ]);
  });

  test("the centre of mass is the centre of the field and the ink is scaled by area", () => {
    const random = seeded(1);
    const ink = new Float32Array(100 * 100);
    for (let i = 0; i < 5; i++) {
      const point = (): [number, number] => [20 + 40 * random(), 30 + 40 * random()];
      strokeOnto(ink, 100, point(), point(), 6, false);
    }
    const { sum } = mass(ink, 100);
    const rows = Array.from(ink.keys())
      .filter((at) => ink[at] > 0)
      .map((at) => Math.floor(at / 100));
    const columns = Array.from(ink.keys())
      .filter((at) => ink[at] > 0)
      .map((at) => at % 100);
    const side = Math.max(Math.max(...rows) - Math.min(...rows), Math.max(...columns) - Math.min(...columns)) + 1;
    const found = mass(centreInk(ink, 100), 28);
    // Averages over pixels keep the mass, but its place only to a small part of a pixel.
    expect(Math.abs(found.x - 14)).toBeLessThan(0.01);
    expect(Math.abs(found.y - 14)).toBeLessThan(0.01);
    expect(found.sum).toBeCloseTo(sum * (20 / side) ** 2, 2);
  });

  test("a field of another shape has a box of 20/28 of its smaller side", () => {
    const field = centreInk(rectangle(100, 0, 50, 0, 50), 100, [28, 56]);
    expect(field).toHaveLength(28 * 56);
    expect(mass(field, 56)).toEqual({
      sum: expect.closeTo(400, 3),
      x: expect.closeTo(28, 4),
      y: expect.closeTo(14, 4),
    });
    expect(mass(centreInk(rectangle(100, 0, 50, 0, 50), 100, 14), 14).sum).toBeCloseTo(100, 3);
    expect(mass(centreInk(rectangle(100, 0, 50, 0, 50), 100, 28, 10), 28).sum).toBeCloseTo(100, 3);
  });

  test("grey stays grey, no ink gives zeros", () => {
    expect(Math.max(...centreInk(rectangle(50, 3, 30, 3, 30, 0.25), 50))).toBeCloseTo(0.25, 6);
    expect(centreInk(new Float32Array(100), 10)).toEqual(new Float32Array(784));
  });
});

describe("strokes", () => {
  test("a dot has the area of its disc, a line that of a capsule", () => {
    const dot = new Float32Array(64 * 64);
    strokeOnto(dot, 64, [30.3, 31.7], [30.3, 31.7], 20, false);
    // The mean of a coverage that falls linearly over one pixel adds pi / 12 to the area.
    expect(mass(dot, 64).sum).toBeCloseTo(Math.PI * 100 + Math.PI / 12, 0);
    expect(Math.abs(mass(dot, 64).x - 30.3)).toBeLessThan(0.01);
    const line = new Float32Array(64 * 64);
    strokeOnto(line, 64, [12, 15], [42, 55], 8, false);
    expect(Math.abs(mass(line, 64).sum - (50 * 8 + Math.PI * 16))).toBeLessThan(2);
  });

  test("the direction does not matter, and a repeat adds nothing", () => {
    const [there, back] = [new Float32Array(400), new Float32Array(400)];
    strokeOnto(there, 20, [3, 4], [15, 11], 3, false);
    strokeOnto(back, 20, [15, 11], [3, 4], 3, false);
    there.forEach((value, at) => expect(back[at]).toBeCloseTo(value, 6));
    const once = there.slice();
    strokeOnto(there, 20, [3, 4], [15, 11], 3, false);
    expect(there).toEqual(once);
  });

  test("erasing along the same line by a wider brush removes all", () => {
    const ink = new Float32Array(400);
    strokeOnto(ink, 20, [3, 4], [15, 11], 3, false);
    strokeOnto(ink, 20, [3, 4], [15, 11], 6, true);
    expect(Math.max(...ink)).toBe(0);
  });

  test("strokes beyond the border change nothing else", () => {
    const ink = new Float32Array(400);
    strokeOnto(ink, 20, [-50, -50], [-30, 90], 4, false);
    expect(Math.max(...ink)).toBe(0);
    strokeOnto(ink, 20, [-5, 10.5], [25, 10.5], 1, false);
    expect(ink.subarray(200, 220).every((value) => value === 1)).toBe(true);
    expect(mass(ink, 20).sum).toBe(20);
  });
});
