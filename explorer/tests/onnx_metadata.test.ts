import { describe, expect, test } from "vitest";
import { seeded } from "../src/lib/normal";
import { metadataOf, partOf } from "../src/lib/onnx_metadata";

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

/** A length-delimited field. */
function field(number: number, content: number[]): number[] {
  return [...varint(number * 8 + 2), ...varint(content.length), ...content];
}

const text = (value: string) => Array.from(new TextEncoder().encode(value));
const entry = (key: string, value: string) => field(14, [...field(1, text(key)), ...field(2, text(value))]);

/** A model: its version as a varint, producer, a graph, fields of 4 and 8 bytes, and the metadata in between. */
function model(metadata: Record<string, string>): Uint8Array {
  return Uint8Array.from([
    8,
    10,
    ...field(2, text("pytorch")),
    ...Object.entries(metadata).flatMap(([key, value]) => entry(key, value)),
    ...field(7, Array(300).fill(42)),
    ...[20 * 8 + 5, 1].flatMap(varint),
    1,
    2,
    3,
    ...varint(21 * 8 + 1),
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    ...varint(5 * 8),
    ...Array(9).fill(255),
    1,
    ...field(8, [8, 18]),
  ]);
}

const about = {
  format: 1,
  vaelab: "1.0",
  part: "decoder",
  summary: "VAE on digits",
  composition: { latent: 2 },
  image: [1, 28, 28],
  classes: ["0", "one, “two”"],
  attributes: [],
  conditional: false,
  latent: { kind: "vector", dimensions: 2 },
  posterior: { kind: "diagonal-normal" },
  prior: { kind: "standard-normal" },
  likelihood: { kind: "bernoulli", binary: true, score_name_grey: "-cross-entropy" },
};

const written = (changes: object = {}) => model({ vaelab: JSON.stringify({ ...about, ...changes }) });

describe("the metadata", () => {
  test("are found between other fields", () => {
    const found = metadataOf(model({ vaelab: "é 数", other: "", long: "x".repeat(20_000) }));
    expect(Array.from(found.keys())).toEqual(["vaelab", "other", "long"]);
    expect(found.get("vaelab")).toBe("é 数");
    expect(found.get("other")).toBe("");
    expect(found.get("long")).toHaveLength(20_000);
  });

  test("may be in a view into a larger buffer", () => {
    const bytes = model({ a: "b" });
    const larger = new Uint8Array(bytes.length + 20).fill(255);
    larger.set(bytes, 7);
    expect(metadataOf(larger.subarray(7, 7 + bytes.length)).get("a")).toBe("b");
  });

  test.each([
    ["nothing", []],
    ["a text", text("hello, this is not a model")],
    ["gzip", [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]],
    ["a length beyond the end", [...varint(7 * 8 + 2), ...varint(1000), 1, 2]],
    ["a length of 2^63", [...varint(7 * 8 + 2), ...Array(9).fill(255), 1]],
    ["a number that does not end", [8, ...Array(50).fill(255)]],
    ["field 0", [2, 0]],
    ["a group", [7 * 8 + 3]],
    ["a text that is not UTF-8", [...field(7, []), ...field(14, [...field(1, [0xff, 0xfe]), ...field(2, [])])]],
  ])("%s: one plain line", (_, bytes) => {
    expect(() => metadataOf(Uint8Array.from(bytes))).toThrow(/^the file is damaged or is not an ONNX model$/);
  });
});

describe("the description of a part", () => {
  test("is read as it was written", () => {
    expect(partOf(written())).toEqual(about);
    const latents = [
      {
        kind: "groups",
        groups: [
          { name: "noise_1", dimensions: 64, shape: [4, 4, 4] },
          { name: "noise_2", dimensions: 3, shape: [3] },
        ],
      },
      { kind: "codes", slots: 49, size: 512, positions: 49, map: [7, 7] },
      { kind: "codes", slots: 8, size: 16, positions: 8, map: null },
    ];
    for (const latent of latents) expect(partOf(written({ latent })).latent).toEqual(latent);
  });

  test.each([
    ["format", { format: 2 }],
    ["part", { part: "other" }],
    ["image", { image: [28, 28] }],
    ["image", { image: [1, 28, 0] }],
    ["image", { image: "1x28x28" }],
    ["classes", { classes: [1, 2] }],
    ["attributes", { attributes: undefined }],
    ["conditional", { conditional: "no" }],
    ["latent", { latent: null }],
    ["latent.kind", { latent: { kind: "sphere" } }],
    ["latent.dimensions", { latent: { kind: "vector", dimensions: 1.5 } }],
    ["latent.groups.shape", { latent: { kind: "groups", groups: [{ name: "a", dimensions: 2, shape: [-1] }] } }],
    ["latent.map", { latent: { kind: "codes", slots: 1, size: 2, positions: 1, map: [7] } }],
    ["prior.kind", { prior: {} }],
    ["likelihood.binary", { likelihood: { kind: "bernoulli", score_name_grey: "" } }],
  ])("a wrong %s is named in one line", (name, changes) => {
    let message = "";
    try {
      partOf(written(changes));
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toContain(name);
    expect(message).not.toContain("\n");
  });

  test("a model of another program, and a damaged description", () => {
    expect(() => partOf(model({ author: "x" }))).toThrow("not written by vaelab");
    expect(() => partOf(model({ vaelab: "{" }))).toThrow("damaged");
    expect(() => partOf(model({ vaelab: "[1]" }))).toThrow("not an object");
  });
});

test("flipped, cut and random bytes give the description or an Error, in a bounded time", () => {
  const random = seeded(7);
  const whole = written();
  const attempt = (bytes: Uint8Array) => {
    try {
      expect(partOf(bytes).format).toBe(1);
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
      expect((error as Error).message).toMatch(/^the (ONNX )?file/);
      return false;
    }
  };
  for (let length = 0; length < whole.length; length++) attempt(whole.subarray(0, length));
  let survived = 0;
  for (let trial = 0; trial < 3000; trial++) {
    const bytes = whole.slice();
    const flips = 1 + Math.floor(3 * random());
    for (let i = 0; i < flips; i++) bytes[Math.floor(bytes.length * random())] ^= 1 << Math.floor(8 * random());
    survived += Number(attempt(bytes));
    attempt(Uint8Array.from({ length: 40 }, () => Math.floor(256 * random())));
  }
  // Flips inside the graph change nothing here.
  expect(survived).toBeGreaterThan(100);
});
