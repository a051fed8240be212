import { describe, expect, test } from "vitest";
import { csvText, pointsCsv, stripGif } from "../src/lib/carry";
import { seeded } from "../src/lib/normal";

/** A reader of RFC 4180. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  let at = 0;
  while (at < text.length) {
    let field = "";
    if (text[at] === '"') {
      for (at++; text[at] !== '"' || text[at + 1] === '"'; at++) {
        if (text[at] === '"') at++;
        field += text[at];
      }
      at++;
    } else {
      while (text[at] !== "," && text[at] !== "\r") field += text[at++];
    }
    rows.at(-1)!.push(field);
    if (text[at] === ",") {
      at++;
    } else {
      expect(text.slice(at, at + 2)).toBe("\r\n");
      at += 2;
      if (at < text.length) rows.push([]);
    }
  }
  return rows;
}

describe("points as CSV", () => {
  const names = [
    "5",
    "a, b",
    'the "x"',
    "two\nlines",
    "two\r\nlines",
    "",
    "=1+1",
    "+x",
    "-x",
    "@x",
    "\tx",
    '=HYPERLINK("a,b")',
  ];

  test("class names of any kind read back, formulas with an apostrophe", () => {
    const points = names.map((label, image) => ({ image, label, mean: Float32Array.of(0.1, -2), stddev: [1, 1e-5] }));
    const [header, ...rows] = readCsv(pointsCsv(points, [3, 1]));
    expect(header).toEqual(["image", "label", "mean_3", "mean_1", "stddev_3", "stddev_1"]);
    expect(rows.map((row) => row[1])).toEqual(names.map((name) => (/^[=+\-@\t]/.test(name) ? `'${name}` : name)));
    rows.forEach((row, i) => expect([row[0], ...row.slice(2)]).toEqual([String(i), "0.1", "-2", "1", "0.00001"]));
  });

  test("no label is an empty field, and no points leave the header", () => {
    expect(pointsCsv([{ image: 7, label: null, mean: [1 / 3], stddev: [1] }], [0])).toBe(
      "image,label,mean_0,stddev_0\r\n7,,0.333333,1\r\n",
    );
    expect(pointsCsv([], [0])).toBe("image,label,mean_0,stddev_0\r\n");
  });

  test("plain names are left as they are", () => {
    expect(csvText("T-shirt/top")).toBe("T-shirt/top");
    expect(csvText("a=b")).toBe("a=b");
  });
});

/** A reader of GIF89a with one global palette: frames of (height, width, 3) bytes, their delays and the repeats. */
function readGif(bytes: Uint8Array) {
  expect(new TextDecoder().decode(bytes.subarray(0, 6))).toBe("GIF89a");
  const word = (at: number) => bytes[at] + 256 * bytes[at + 1];
  const [width, height] = [word(6), word(8)];
  const colours = bytes.subarray(13, 13 + 3 * 2 ** ((bytes[10] & 7) + 1));
  let at = 13 + colours.length;
  const frames: number[][] = [];
  const delays: number[] = [];
  let repeat = -1;
  function blocks(): number[] {
    const data: number[] = [];
    while (bytes[at] !== 0) {
      data.push(...bytes.subarray(at + 1, at + 1 + bytes[at]));
      at += 1 + bytes[at];
    }
    at++;
    return data;
  }
  while (bytes[at] !== 0x3b) {
    if (bytes[at] === 0x21) {
      const kind = bytes[at + 1];
      at += 2;
      const data = blocks();
      if (kind === 0xf9) delays.push(10 * (data[1] + 256 * data[2]));
      if (kind === 0xff) repeat = data.at(-2)! + 256 * data.at(-1)!;
    } else {
      expect(bytes[at]).toBe(0x2c);
      expect([word(at + 5), word(at + 7), bytes[at + 9]]).toEqual([width, height, 0]);
      const least = bytes[at + 10];
      at += 11;
      frames.push(unpack(blocks(), least).flatMap((index) => Array.from(colours.subarray(3 * index, 3 * index + 3))));
    }
  }
  expect(at).toBe(bytes.length - 1);
  return { width, height, frames, delays, repeat };
}

/** Lempel-Ziv-Welch codes of growing width, lowest bit first. */
function unpack(data: number[], least: number): number[] {
  const [clear, end] = [2 ** least, 2 ** least + 1];
  let table: number[][] = [];
  let width = least + 1;
  let previous: number[] | null = null;
  const out: number[] = [];
  for (let bit = 0; ;) {
    let code = 0;
    for (let i = 0; i < width; i++, bit++) code |= ((data[bit >> 3] >> (bit & 7)) & 1) << i;
    if (code === end) return out;
    if (code === clear) {
      table = Array.from({ length: end + 1 }, (_, i) => [i]);
      width = least + 1;
      previous = null;
      continue;
    }
    const entry: number[] = table[code] ?? [...previous!, previous![0]];
    out.push(...entry);
    if (previous && table.length < 4096) table.push([...previous, entry[0]]);
    previous = entry;
    if (table.length === 2 ** width && width < 12) width++;
  }
}

describe("frames as an animated GIF", () => {
  const random = seeded(6);
  const noise = (length: number, levels = 256) =>
    Uint8Array.from({ length }, () => Math.floor((256 / levels) * Math.floor(levels * random())));

  test("grey values are exact; delay, size and repetition too", () => {
    const frames = [noise(90 * 31), noise(90 * 31), new Uint8Array(90 * 31).fill(7)];
    const found = readGif(stripGif(frames, 90, 31, 1, 80));
    expect(found).toMatchObject({ width: 90, height: 31, delays: [80, 80, 80], repeat: 0 });
    found.frames.forEach((pixels, i) =>
      expect(pixels).toEqual(Array.from(frames[i]).flatMap((value) => [value, value, value])),
    );
  });

  test("up to 256 colours are exact, though they lie close together", () => {
    const frame = Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => 100 + ((Math.floor(i / 3) >> (3 * (i % 3))) & 7));
    expect(readGif(stripGif([frame], 16, 16, 3, 50)).frames[0]).toEqual(Array.from(frame));
  });

  test("more colours are close, with one palette for all frames", () => {
    const smooth = (phase: number) =>
      Uint8Array.from(
        { length: 32 * 32 * 3 },
        (_, i) => 127 + 60 * Math.sin(Math.floor(i / 3) / 300 + (i % 3) + phase),
      );
    const frames = [smooth(0), smooth(0.3)];
    readGif(stripGif(frames, 32, 32, 3, 50)).frames.forEach((pixels, f) => {
      expect(pixels).toHaveLength(32 * 32 * 3);
      const worst = Math.max(...pixels.map((value, i) => Math.abs(value - frames[f][i])));
      expect(worst).toBeLessThan(24);
    });
  });

  test("wrong sizes are refused", () => {
    expect(() => stripGif([new Uint8Array(5)], 2, 2, 1, 50)).toThrow("size");
    expect(() => stripGif([new Uint8Array(8)], 2, 2, 2, 50)).toThrow("channels");
    expect(() => stripGif([], 2, 2, 1, 50)).toThrow("at least one");
  });
});
