/** The decoded images behind the plane: one per cell, for the part that is on screen. */
import { latentOf } from "./coordinates";
import type { Entry } from "./entry";
import { toRgba } from "./images";
import type { Condition } from "./model";
import type { Axes } from "./page.svelte";
import type { View } from "./view";

export interface Lattice {
  /** A picture of all cells, and the corners that it covers, in latent units. */
  canvas: OffscreenCanvas;
  from: [number, number];
  to: [number, number];
}

/** Side of a cell on screen, pixels. */
const CELL = 40;

/** Decodes the lattice; on a light page grey images are inverted, so that ink is dark as it is on paper. */
export async function decodeLattice(
  entry: Entry,
  view: View,
  axes: Axes,
  z: Float32Array,
  condition: Condition,
  light: boolean,
): Promise<Lattice> {
  const [columns, rows] = [Math.ceil(view.width / CELL), Math.ceil(view.height / CELL)];
  const latents = new Float32Array(columns * rows * entry.model.dimensions);
  for (let j = 0; j < rows; j++)
    for (let i = 0; i < columns; i++) {
      const at = view.toPlane([(i + 0.5) * CELL, (j + 0.5) * CELL]);
      latents.set(latentOf(entry, axes, at, z), (j * columns + i) * entry.model.dimensions);
    }
  const { mean } = await entry.model.decode(latents, condition, true);
  const [channels, height, width] = entry.model.about.image;
  const canvas = new OffscreenCanvas(columns * width, rows * height);
  const context = canvas.getContext("2d")!;
  const pixels = entry.model.pixels;
  for (let j = 0; j < rows; j++)
    for (let i = 0; i < columns; i++) {
      const at = (j * columns + i) * pixels;
      const image = mean.subarray(at, at + pixels);
      const rgba = toRgba(light && channels === 1 ? image.map((value) => 1 - value) : image, entry.model.about.image);
      context.putImageData(new ImageData(rgba, width, height), i * width, j * height);
    }
  return { canvas, from: view.toPlane([0, 0]), to: view.toPlane([columns * CELL, rows * CELL]) };
}

export function drawLattice(context: CanvasRenderingContext2D, view: View, lattice: Lattice): void {
  const [x0, y0] = view.toPixels(lattice.from);
  const [x1, y1] = view.toPixels(lattice.to);
  context.globalAlpha = 0.85;
  context.drawImage(lattice.canvas, x0, y0, x1 - x0, y1 - y0);
  context.globalAlpha = 1;
}
