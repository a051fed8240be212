/** Between latents and the plane that is shown. */
import type { Entry } from "./entry";
import type { Axes } from "./page.svelte";
import { lift, project } from "./principal";

/** Position of z in the plane. */
export function planeOf(entry: Entry, axes: Axes, z: ArrayLike<number>): [number, number] {
  const principal = entry.positions?.about.principal;
  if (axes === "principal" && principal) return project(z, principal);
  const [first, second] = axes === "principal" ? [0, 1] : axes;
  return [z[first], z[second] ?? 0];
}

/** z moved to a position of the plane; everything that the plane does not show is kept. */
export function latentOf(entry: Entry, axes: Axes, position: [number, number], z: Float32Array): Float32Array {
  const principal = entry.positions?.about.principal;
  if (axes === "principal" && principal) return lift(position, z, principal);
  const [first, second] = axes === "principal" ? [0, 1] : axes;
  const moved = Float32Array.from(z);
  moved[first] = position[0];
  if (second < moved.length && second !== first) moved[second] = position[1];
  return moved;
}

/** Covariance of a diagonal normal in the plane: xx, xy, yy. */
export function covarianceOf(entry: Entry, axes: Axes, stddev: ArrayLike<number>): [number, number, number] {
  const principal = entry.positions?.about.principal;
  if (axes === "principal" && principal) {
    const [a, b] = principal.axes;
    let [xx, xy, yy] = [0, 0, 0];
    for (let d = 0; d < stddev.length; d++) {
      const variance = stddev[d] ** 2;
      xx += a[d] * a[d] * variance;
      xy += a[d] * b[d] * variance;
      yy += b[d] * b[d] * variance;
    }
    return [xx, xy, yy];
  }
  const [first, second] = axes === "principal" ? [0, 1] : axes;
  return [stddev[first] ** 2, 0, (stddev[second] ?? 0) ** 2];
}

/** Positions of the images in the plane, and their deviations along its axes; null where they are not kept.
 * A second dimension that the space lacks is 0. */
export function imagesIn(entry: Entry, axes: Axes): { means: Float32Array; stddevs: Float32Array | null } | null {
  const positions = entry.positions;
  if (!positions) return null;
  const kept = positions.about.dimensions;
  const count = positions.means.length / kept.length;
  if (axes === "principal") return positions.scores ? { means: positions.scores, stddevs: null } : null;
  const columns = axes.map((axis) => kept.indexOf(axis));
  if (columns[0] < 0 || (columns[1] < 0 && kept.length > 1)) return null;
  const [means, stddevs] = [positions.means, positions.stddevs].map((rows) => {
    const two = new Float32Array(2 * count);
    for (let i = 0; i < count; i++) columns.forEach((column, c) => (two[2 * i + c] = column < 0 ? 0 : rows[i * kept.length + column]));
    return two;
  });
  return { means, stddevs };
}
