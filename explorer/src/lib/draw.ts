/** Drawing of the plane's still layers on a canvas. */
import { contours } from "d3-contour";
import { classColour } from "./colours";
import { aggregatePosterior } from "./density";
import { toRgba } from "./images";
import type { TestImages } from "./page.svelte";
import type { View } from "./view";

/** Colours of the page, read from its tokens. */
export interface Ink {
  ink: string;
  soft: string;
  line: string;
  accent: string;
  paper: string;
  dark: boolean;
}

export function inkOf(element: Element, dark: boolean): Ink {
  const style = getComputedStyle(element);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return { ink: read("--ink"), soft: read("--soft"), line: read("--line"), accent: read("--accent"), paper: read("--paper"), dark };
}

/** Circles of one, two and three deviations of the standard normal prior. */
export function drawRings(context: CanvasRenderingContext2D, view: View, ink: Ink): void {
  const [x, y] = view.toPixels([0, 0]);
  context.strokeStyle = ink.soft;
  context.fillStyle = ink.soft;
  context.lineWidth = 1;
  context.setLineDash([3, 4]);
  context.font = "11px system-ui, sans-serif";
  for (const radius of [1, 2, 3]) {
    context.beginPath();
    context.arc(x, y, radius * view.scale, 0, 2 * Math.PI);
    context.stroke();
    context.fillText(`${radius}σ`, x + radius * view.scale * Math.SQRT1_2 + 3, y - radius * view.scale * Math.SQRT1_2 - 3);
  }
  context.setLineDash([]);
}

/** Axes through the origin, with their names. */
export function drawAxes(context: CanvasRenderingContext2D, view: View, ink: Ink, names: [string, string]): void {
  const [x, y] = view.toPixels([0, 0]);
  context.strokeStyle = ink.line;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(0, Math.round(y) + 0.5);
  context.lineTo(view.width, Math.round(y) + 0.5);
  context.moveTo(Math.round(x) + 0.5, 0);
  context.lineTo(Math.round(x) + 0.5, view.height);
  context.stroke();
  context.fillStyle = ink.soft;
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "right";
  context.fillText(names[0], view.width - 6, Math.min(view.height - 6, Math.max(14, y - 5)));
  context.textAlign = "left";
  context.fillText(names[1], Math.min(view.width - 30, Math.max(6, x + 5)), 14);
}

/** The points of the images that are not filtered out; those of an unknown class, which has the number `count`, lie below. */
export function drawPoints(
  context: CanvasRenderingContext2D,
  view: View,
  means: Float32Array,
  labels: ArrayLike<number> | null,
  hidden: ReadonlySet<number>,
  count: number,
  ink: Ink,
): void {
  const size = Math.min(5, 1.6 + 0.5 * Math.sqrt(view.k));
  context.globalAlpha = 0.7;
  const classes = new Map<number, number[]>([[count, []]]);
  for (let i = 0; i < means.length / 2; i++) {
    const label = labels ? labels[i] : 0;
    if (hidden.has(label)) continue;
    if (!classes.has(label)) classes.set(label, []);
    classes.get(label)!.push(i);
  }
  for (const [label, rows] of classes) {
    context.fillStyle = labels ? classColour(label, ink.dark, count) : ink.accent;
    context.beginPath();
    for (const i of rows) {
      const [x, y] = view.toPixels([means[2 * i], means[2 * i + 1]]);
      if (x < -9 || y < -9 || x > view.width + 9 || y > view.height + 9) continue;
      context.rect(x - size / 2, y - size / 2, size, size);
    }
    context.fill();
  }
  context.globalAlpha = 1;
}

/** Small images in place of points: as many as fit without hiding each other. */
export function drawThumbnails(
  context: CanvasRenderingContext2D,
  view: View,
  means: Float32Array,
  images: TestImages,
  hidden: ReadonlySet<number>,
  classes: number,
  ink: Ink,
): void {
  const side = 30;
  const taken = new Set<string>();
  const [channels, height, width] = images.shape;
  const canvas = new OffscreenCanvas(width, height);
  const small = canvas.getContext("2d")!;
  const pixels = channels * height * width;
  for (let i = 0; i < images.count; i++) {
    const label = images.labels ? images.labels[i] : 0;
    if (hidden.has(label)) continue;
    const [x, y] = view.toPixels([means[2 * i], means[2 * i + 1]]);
    if (x < 0 || y < 0 || x > view.width || y > view.height) continue;
    const cell = `${Math.floor(x / side)},${Math.floor(y / side)}`;
    if (taken.has(cell)) continue;
    taken.add(cell);
    const rgba = toRgba(images.pixels.subarray(i * pixels, (i + 1) * pixels), images.shape);
    small.putImageData(new ImageData(rgba, width, height), 0, 0);
    const [left, top] = [Math.floor(x / side) * side + 1, Math.floor(y / side) * side + 1];
    context.drawImage(canvas, left + 1, top + 1, side - 4, side - 4);
    context.strokeStyle = images.labels ? classColour(label, ink.dark, classes) : ink.line;
    context.lineWidth = 1.5;
    context.strokeRect(left + 0.5, top + 0.5, side - 3, side - 3);
  }
}

/** Filled contours of the aggregate posterior q(z), the mixture of all images' posteriors. */
export function drawDensity(context: CanvasRenderingContext2D, view: View, means: Float32Array, stddevs: Float32Array, ink: Ink): void {
  const n = 96;
  const box = view.box;
  const values = aggregatePosterior(means, stddevs, box, n, n);
  const most = values.reduce((a, b) => Math.max(a, b), 0);
  if (!(most > 0)) return;
  // Each level is half of the next: a density spans orders of magnitude.
  const levels = [1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2].map((share) => share * most);
  context.fillStyle = ink.accent;
  context.globalAlpha = 0.1;
  for (const contour of contours().size([n, n]).thresholds(levels)(Array.from(values))) {
    context.beginPath();
    for (const polygon of contour.coordinates)
      for (const ring of polygon) {
        ring.forEach(([i, j], at) => {
          const [x, y] = view.toPixels([
            box.x0 + (i / n) * (box.x1 - box.x0),
            box.y0 + (j / n) * (box.y1 - box.y0),
          ]);
          if (at) context.lineTo(x, y);
          else context.moveTo(x, y);
        });
        context.closePath();
      }
    context.fill("evenodd");
  }
  context.globalAlpha = 1;
}
