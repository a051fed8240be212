/** Drawing, and preparing a drawing as the digits of MNIST were (LeCun, Bottou, Bengio and Haffner 1998). */

/** Share of the field's smaller side that the ink's bounding box takes: 20 of 28 pixels. */
const BOX = 20 / 28;

/**
 * The ink of a drawing (size x size, in [0, 1]) scaled to fit a box of `box` x `box` pixels with its aspect kept, and
 * placed so that its centre of mass is the centre of a field of `out` x `out` or `out[0]` x `out[1]` (h, w) pixels.
 *
 * A pixel of the field is the mean of the drawing over the area it covers; the area outside the drawing holds no ink.
 * The shift is not rounded to whole pixels: the centre of mass is right to about a hundredth of a pixel. Ink that would
 * leave the field is cut off. Without ink the field is 0.
 *
 * @param box pixels of the longer side of the ink; 20/28 of the field's smaller side unless given.
 */
export function centreInk(
  ink: Float32Array,
  size: number,
  out: number | [number, number] = 28,
  box?: number,
): Float32Array {
  const [height, width] = typeof out === "number" ? [out, out] : out;
  const field = new Float32Array(height * width);
  let [left, right, top, bottom, mass, sumX, sumY] = [size, -1, size, -1, 0, 0, 0];
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const value = ink[y * size + x];
      if (!(value > 0)) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
      mass += value;
      sumX += value * (x + 0.5);
      sumY += value * (y + 0.5);
    }
  }
  if (mass === 0) return field;
  // Drawn pixels per pixel of the field.
  const scale = Math.max(right - left + 1, bottom - top + 1) / (box ?? BOX * Math.min(height, width));
  const across = overlaps(size, sumX / mass, scale, width);
  const down = overlaps(size, sumY / mass, scale, height);
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++) {
      let sum = 0;
      for (const [y, high] of down[i]) for (const [x, wide] of across[j]) sum += ink[y * size + x] * high * wide;
      field[i * width + j] = Math.min(sum / (scale * scale), 1);
    }
  }
  return field;
}

/** For each of `count` pixels along one axis of the field, the drawn pixels it covers and their lengths. */
function overlaps(size: number, centre: number, scale: number, count: number): [number, number][][] {
  return Array.from({ length: count }, (_, i) => {
    const from = centre + (i - count / 2) * scale;
    const to = from + scale;
    const found: [number, number][] = [];
    for (let at = Math.max(Math.floor(from), 0); at < Math.min(Math.ceil(to), size); at++) {
      found.push([at, Math.min(at + 1, to) - Math.max(at, from)]);
    }
    return found;
  });
}

/**
 * Draws or erases a line with round ends on `ink` (size x size, in [0, 1]), in place; positions and width in pixels.
 *
 * A pixel's coverage falls linearly from 1 to 0 over one pixel at the border of the brush. Ink is the maximum of old
 * ink and coverage, so the joints of a stroke of many lines are not darker.
 */
export function strokeOnto(
  ink: Float32Array,
  size: number,
  from: [number, number],
  to: [number, number],
  width: number,
  erase: boolean,
): void {
  const radius = width / 2;
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const squared = dx * dx + dy * dy;
  const first = (a: number, b: number) => Math.max(Math.floor(Math.min(a, b) - radius - 1), 0);
  const last = (a: number, b: number) => Math.min(Math.ceil(Math.max(a, b) + radius + 1), size - 1);
  for (let i = first(from[1], to[1]); i <= last(from[1], to[1]); i++) {
    for (let j = first(from[0], to[0]); j <= last(from[0], to[0]); j++) {
      const [u, v] = [j + 0.5 - from[0], i + 0.5 - from[1]];
      const t = squared > 0 ? Math.min(Math.max((u * dx + v * dy) / squared, 0), 1) : 0;
      const coverage = Math.min(Math.max(radius + 0.5 - Math.hypot(u - t * dx, v - t * dy), 0), 1);
      const at = i * size + j;
      ink[at] = erase ? Math.min(ink[at], 1 - coverage) : Math.max(ink[at], coverage);
    }
  }
}
