/** Densities on grids. */

/** Standard deviations beyond which a component is left out; 1e-4 of its mass lies there in two dimensions. */
const REACH = 4;

/**
 * The aggregate posterior q(z) = (1/N) sum_n N(z; mean_n, diag(stddev_n^2)) per unit of area, at the centres of
 * nx x ny cells of a box: rows of nx along x, lowest y first (Hoffman and Johnson 2016).
 *
 * A component reaches 4 standard deviations, and is at least half a cell wide: a narrower one would be missed by the
 * centres of cells. Along each axis, its values are scaled so that what the cut leaves out is not lost.
 *
 * @param means (N x 2).
 * @param stddevs (N x 2).
 */
export function aggregatePosterior(
  means: Float32Array,
  stddevs: Float32Array,
  box: { x0: number; y0: number; x1: number; y1: number },
  nx: number,
  ny: number,
): Float64Array {
  const density = new Float64Array(nx * ny);
  const count = means.length / 2;
  const [dx, dy] = [(box.x1 - box.x0) / nx, (box.y1 - box.y0) / ny];
  const across = { first: 0, count: 0, values: new Float64Array(nx) };
  const along = { first: 0, count: 0, values: new Float64Array(ny) };
  for (let n = 0; n < count; n++) {
    component((means[2 * n] - box.x0) / dx, Math.max(stddevs[2 * n] / dx, 0.5), across);
    component((means[2 * n + 1] - box.y0) / dy, Math.max(stddevs[2 * n + 1] / dy, 0.5), along);
    for (let j = 0; j < along.count; j++) {
      const height = along.values[j];
      const row = (along.first + j) * nx + across.first;
      for (let i = 0; i < across.count; i++) density[row + i] += height * across.values[i];
    }
  }
  const scale = 1 / (count * dx * dy);
  for (let at = 0; at < density.length; at++) density[at] *= scale;
  return density;
}

/** The share of a normal density within REACH standard deviations, along one axis. */
const WITHIN = 0.9999366575163338;

/** A truncated normal density along one axis, in units of cells, at the cells' centres that it reaches. */
function component(mean: number, stddev: number, into: { first: number; count: number; values: Float64Array }): void {
  const first = Math.max(Math.ceil(mean - REACH * stddev - 0.5), 0);
  const last = Math.min(Math.floor(mean + REACH * stddev - 0.5), into.values.length - 1);
  into.first = first;
  into.count = Math.max(last - first + 1, 0);
  const scale = 1 / (WITHIN * stddev * Math.sqrt(2 * Math.PI));
  for (let i = 0; i < into.count; i++) {
    const u = (first + i + 0.5 - mean) / stddev;
    into.values[i] = scale * Math.exp(-0.5 * u * u);
  }
}
