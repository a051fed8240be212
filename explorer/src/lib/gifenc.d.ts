/** Types of gifenc 1.0.3, as far as they are used here. */
declare module "gifenc" {
  /** Red, green, blue, 0 to 255 each. */
  export type Palette = [number, number, number][];

  export interface FrameOptions {
    /** Required in the first frame; a later frame without one has that of the first. */
    palette?: Palette;
    /** Milliseconds; the file holds hundredths of a second. */
    delay?: number;
    /** -1 for once, 0 for ever. */
    repeat?: number;
  }

  export interface Encoder {
    writeFrame(index: Uint8Array, width: number, height: number, options?: FrameOptions): void;
    finish(): void;
    bytes(): Uint8Array;
  }

  export function GIFEncoder(): Encoder;
  export function quantize(
    rgba: Uint8Array | Uint8ClampedArray,
    colours: number,
    options?: { format?: "rgb565" | "rgb444" },
  ): Palette;
  export function applyPalette(
    rgba: Uint8Array | Uint8ClampedArray,
    palette: Palette,
    format?: "rgb565" | "rgb444",
  ): Uint8Array;
}
