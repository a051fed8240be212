import { describe, expect, test } from "vitest";
import { centreInk, strokeOnto } from "../src/lib/ink";
import { seeded } from "../src/lib/normal";
import { defaultState, packInk, readState, unpackInk, writeState, type State } from "../src/lib/state";

/** A 3 drawn with a round brush, as the page prepares it. */
function drawn(): Float32Array {
  const ink = new Float32Array(280 * 280);
  const points: [number, number][] = Array.from({ length: 40 }, (_, i) => {
    const t = (i / 39) * 2;
    const angle = -2.5 + 4 * (t % 1);
    return [140 + 50 * Math.cos(angle), (t < 1 ? 90 : 180) + 48 * Math.sin(angle)];
  });
  for (let i = 1; i < points.length; i++) strokeOnto(ink, 280, points[i - 1], points[i], 22, false);
  return centreInk(ink, 280);
}

const full: State = {
  model: 2,
  compare: [0, 1],
  axes: [3, 1],
  z: [0.1235, -2.5, 1e-7, 12350],
  label: 0,
  attributes: [0.5, -1],
  hidden: [4, 9],
  view: { x: -12.5, y: 300, k: 2.25 },
  ink: packInk(drawn()),
  image: 17,
  path: [
    [0, 1],
    [2.5, -3],
  ],
  pathKind: "shortest",
  panels: ["training", "nearest-images"],
};

describe("the permalink", () => {
  test("reads back what it wrote, readable, and under 2,000 characters with a drawing", () => {
    const text = writeState(full);
    expect(readState(`#${text}`)).toEqual({ ...full, ignored: [] });
    expect(readState(text)).toEqual({ ...full, ignored: [] });
    expect(text).toContain("model=2&compare=0,1&axes=3,1&z=0.1235,-2.5,1e-7,12350&label=0&");
    expect(text).toMatch(/^[\w.,;=&+-]+$/);
    expect(text.length).toBeLessThan(2000);
    expect(readState(writeState({ ...full, axes: "principal" })).axes).toBe("principal");
  });

  test("the default state is an empty text", () => {
    expect(writeState(defaultState())).toBe("");
    expect(readState("")).toEqual({ ...defaultState(), ignored: [] });
    expect(readState("#")).toEqual({ ...defaultState(), ignored: [] });
  });

  test("numbers have 4 significant digits", () => {
    expect(writeState({ ...defaultState(), z: [Math.PI, -1 / 3, 123456, NaN] })).toBe("z=3.142,-0.3333,123500,0");
  });

  test.each([
    "model=-1",
    "model=x",
    "model=1.5",
    "compare=1,,2",
    "axes=1",
    "axes=1,1",
    "axes=other",
    "z=1,two",
    "z=",
    "z=1e999",
    "z=0x10",
    "label=null",
    "hidden=%",
    "view=1,2",
    "view=0,0,0",
    "ink=!",
    "ink=A",
    "ink=8",
    "image= 1",
    "path=1,2;3",
    "pathKind=bent",
    "panels=a b",
    "panels=<script>",
    "unknown=1",
    "__proto__=1",
    "constructor",
    "model",
  ])("%s falls back to the default and is listed", (pair) => {
    expect(readState(`${pair}&compare=3`)).toEqual({
      ...defaultState(),
      compare: pair.startsWith("compare") ? [] : [3],
      ignored: [pair.split("=")[0]],
    });
  });

  test("the first of a repeated field counts", () => {
    expect(readState("model=1&model=2")).toEqual({ ...defaultState(), model: 1, ignored: ["model"] });
  });

  test("escaped commas and semicolons are read", () => {
    expect(readState("path=1%2C2%3B3%2C4").path).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  test("random damage never throws, and leaves a valid state", () => {
    const random = seeded(3);
    const text = writeState(full);
    for (let trial = 0; trial < 1000; trial++) {
      const at = Math.floor(text.length * random());
      const damaged =
        text.slice(0, at) + String.fromCharCode(32 + 95 * random()) + text.slice(at + Math.floor(3 * random()));
      const state = readState(damaged);
      // What survived the damage is a state like any other.
      const again = readState(writeState(state));
      expect(again.ignored).toEqual([]);
      expect(writeState(again)).toBe(writeState(state));
    }
  });
});

describe("a packed drawing", () => {
  test("a digit is short and keeps its levels", () => {
    const image = drawn();
    const text = packInk(image);
    expect(text.length).toBeLessThan(400);
    const found = unpackInk(text)!;
    image.forEach((value, at) => expect(Math.abs(found[at] - value)).toBeLessThanOrEqual(1 / 30 + 1e-6));
    expect(packInk(found)).toBe(text);
  });

  test("any image reads back, and none is longer than 1,046 characters", () => {
    const random = seeded(4);
    const images = [
      new Float32Array(784),
      new Float32Array(784).fill(1),
      Float32Array.from({ length: 784 }, (_, i) => i % 2),
      Float32Array.from({ length: 784 }, (_, i) => Math.floor(i / 16) % 2),
      Float32Array.from({ length: 784 }, (_, i) => ((i + 1) % 15) / 15),
      ...Array.from({ length: 50 }, () =>
        Float32Array.from({ length: 784 }, () => Math.round(15 * Math.min(1, Math.max(0, 3 * random() - 1))) / 15),
      ),
    ];
    for (const image of images) {
      expect(packInk(image).length).toBeLessThanOrEqual(1046);
      expect(unpackInk(packInk(image))).toEqual(image);
    }
    for (let length = 1; length < 60; length++) {
      const image = Float32Array.from({ length }, (_, i) => (i < length / 2 ? 0 : 1));
      expect(unpackInk(packInk(image), length)).toEqual(image);
    }
  });

  test("values outside [0, 1] are clipped; another size is refused", () => {
    expect(Array.from(unpackInk(packInk([-1, 2, NaN, 0.4]), 4)!)).toEqual([0, 1, 0, expect.closeTo(0.4)]);
    expect(unpackInk(packInk(new Float32Array(783)))).toBeNull();
    expect(unpackInk("")).toBeNull();
  });
});
