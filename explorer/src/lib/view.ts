/** The part of the plane that is on screen. */

export interface Box {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/** A square of latent units in a field of pixels; y points up. */
export class View {
  constructor(
    readonly width: number,
    readonly height: number,
    /** Half the side of the square that is shown at k = 1, and its centre, in latent units. */
    readonly reach: number,
    readonly centre: [number, number] = [0, 0],
    /** The transform of d3-zoom. */
    readonly k = 1,
    readonly x = 0,
    readonly y = 0,
  ) {}

  /** Pixels per latent unit. */
  get scale(): number {
    return (this.k * Math.min(this.width, this.height)) / (2 * this.reach);
  }

  toPixels([u, v]: readonly [number, number]): [number, number] {
    const base = this.scale / this.k;
    return [
      this.k * (this.width / 2 + (u - this.centre[0]) * base) + this.x,
      this.k * (this.height / 2 - (v - this.centre[1]) * base) + this.y,
    ];
  }

  toPlane([x, y]: readonly [number, number]): [number, number] {
    const base = this.scale / this.k;
    return [
      ((x - this.x) / this.k - this.width / 2) / base + this.centre[0],
      -((y - this.y) / this.k - this.height / 2) / base + this.centre[1],
    ];
  }

  get box(): Box {
    const [x0, y1] = this.toPlane([0, 0]);
    const [x1, y0] = this.toPlane([this.width, this.height]);
    return { x0, y0, x1, y1 };
  }
}

/** The reach that shows the prior to three deviations, and nearly all of the points. */
export function reachOf(means: Float32Array | null): number {
  if (!means) return 3.4;
  const sizes = Array.from(means, Math.abs).sort((a, b) => a - b);
  const most = sizes[Math.floor(0.995 * (sizes.length - 1))] ?? 0;
  return Math.min(30, Math.max(3.4, most * 1.1));
}
