/** Files that the user carries away: points as CSV, frames as an animated GIF. */

import { applyPalette, GIFEncoder, quantize } from "gifenc";

/** One image's place in latent space. */
export interface CsvPoint {
  /** Number of the image in the data. */
  image: number;
  /** Name of its class; null for unlabelled images. */
  label: string | null;
  /** Mean and standard deviation per dimension that is kept. */
  mean: ArrayLike<number>;
  stddev: ArrayLike<number>;
}

/**
 * Points as CSV (RFC 4180): image, label, mean_d and stddev_d for each of the latent dimensions d.
 *
 * Lines end with CR LF. Numbers have 6 significant digits, a little less than float32 holds.
 */
export function pointsCsv(points: Iterable<CsvPoint>, dimensions: number[]): string {
  const header = ["image", "label", ...dimensions.map((d) => `mean_${d}`), ...dimensions.map((d) => `stddev_${d}`)];
  const lines = [header.join()];
  for (const { image, label, mean, stddev } of points) {
    lines.push([image, csvText(label ?? ""), ...Array.from(mean, digits), ...Array.from(stddev, digits)].join());
  }
  return lines.join("\r\n") + "\r\n";
}

/** A number with 6 significant digits; "-" in front of it is no formula, so numbers need no mark. */
function digits(value: number): string {
  return String(Number(value.toPrecision(6)));
}

/**
 * A text as a field of CSV. Spreadsheets run a text that starts with = + - @ or a tab or carriage return as a formula;
 * an apostrophe in front prevents it (OWASP, "CSV Injection"). Quotes are doubled and enclose the field where needed.
 */
export function csvText(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/**
 * An animated GIF that repeats for ever.
 *
 * One channel gets the 256 greys, and three get their own colours, so no value is changed. Frames that together have
 * more than 256 colours get the 256 that fit all of them best, so that the colours do not flicker.
 *
 * @param frames (height, width, channels) bytes each, of 1 channel or 3.
 * @param delay milliseconds per frame; most programs show 20 or more as they are.
 */
export function stripGif(
  frames: Uint8Array[],
  width: number,
  height: number,
  channels: number,
  delay: number,
): Uint8Array {
  if (channels !== 1 && channels !== 3) throw new Error(`a GIF has 1 or 3 channels, not ${channels}`);
  if (frames.length === 0) throw new Error("a GIF needs at least one frame");
  if (frames.some((frame) => frame.length !== width * height * channels))
    throw new Error("a frame's size is not that of the GIF");
  const { palette, index } = channels === 1 ? { palette: greys(), index: frames } : coloured(frames.map(rgba));
  const encoder = GIFEncoder();
  index.forEach((frame, i) => {
    encoder.writeFrame(frame, width, height, { palette: i === 0 ? palette : undefined, delay, repeat: 0 });
  });
  encoder.finish();
  return encoder.bytes();
}

function greys(): [number, number, number][] {
  return Array.from({ length: 256 }, (_, value) => [value, value, value]);
}

/** (height, width, 3) bytes as (height, width, 4). */
function rgba(frame: Uint8Array): Uint8Array {
  const out = new Uint8Array((frame.length / 3) * 4).fill(255);
  for (let i = 0; i < frame.length / 3; i++) out.set(frame.subarray(3 * i, 3 * i + 3), 4 * i);
  return out;
}

/** One palette for all frames, and each pixel's place in it. */
function coloured(frames: Uint8Array[]): { palette: [number, number, number][]; index: Uint8Array[] } {
  const places = new Map<number, number>();
  const colourAt = (frame: Uint8Array, i: number) => (frame[i] << 16) | (frame[i + 1] << 8) | frame[i + 2];
  for (const frame of frames) {
    for (let i = 0; i < frame.length && places.size <= 256; i += 4) {
      const colour = colourAt(frame, i);
      if (!places.has(colour)) places.set(colour, places.size);
    }
  }
  if (places.size <= 256) {
    const palette = Array.from(
      places.keys(),
      (colour) => [colour >> 16, (colour >> 8) & 255, colour & 255] as [number, number, number],
    );
    return {
      palette,
      index: frames.map((frame) => new Uint8Array(frame.length / 4).map((_, i) => places.get(colourAt(frame, 4 * i))!)),
    };
  }
  const all = new Uint8Array(frames.reduce((sum, frame) => sum + frame.length, 0));
  frames.reduce((at, frame) => (all.set(frame, at), at + frame.length), 0);
  const palette = quantize(all, 256);
  return { palette, index: frames.map((frame) => applyPalette(frame, palette)) };
}
