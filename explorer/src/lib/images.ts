/** Images as rows of colours. */

/**
 * The pixels of one image, (C, H, W), as RGBA rows of H x W for `ImageData`; floats are in [0, 1], bytes in 0 to 255.
 *
 * One channel is grey and three are red, green and blue. Any other number has no colours of its own, so the mean over
 * the channels is shown in grey. Floats outside [0, 1] are clipped.
 *
 * @param out the array to fill, to spare an allocation per frame.
 */
export function toRgba(
  pixels: Float32Array | Uint8Array,
  shape: [number, number, number],
  out?: Uint8ClampedArray<ArrayBuffer>,
): Uint8ClampedArray<ArrayBuffer> {
  const [channels, height, width] = shape;
  const area = height * width;
  const rgba = out ?? new Uint8ClampedArray(4 * area);
  const scale = pixels instanceof Uint8Array ? 1 : 255;
  for (let p = 0; p < area; p++) {
    if (channels === 3) {
      for (let c = 0; c < 3; c++) rgba[4 * p + c] = scale * pixels[c * area + p];
    } else {
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += pixels[c * area + p];
      // A clamped array rounds and clips.
      rgba.fill((scale * sum) / channels, 4 * p, 4 * p + 3);
    }
    rgba[4 * p + 3] = 255;
  }
  return rgba;
}

/** Position of the largest value; the first of equal ones, -1 for none. */
export function argmax(values: ArrayLike<number>): number {
  let best = values.length > 0 ? 0 : -1;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}
