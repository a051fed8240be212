/** Square cells over a plane, split 2 x 2 where more detail is needed, with a log density at every centre. */

export interface Lattice {
  /** Lower corner of the first cell, and the size of a cell of level 0. */
  x0: number;
  y0: number;
  dx: number;
  dy: number;
  /** Cells of level 0 along each axis. */
  cells: number;
  /** Per level, the log density at the centre of each cell (i, j) by i * width + j; width = cells * 2^level. */
  levels: Map<number, number>[];
  /** Per level, the cells that have been split; the others are the leaves. */
  split: Set<number>[];
}

/** Deepest level: beyond it the numbers of cells would no longer be exact in float64. */
export const DEEPEST = 18;

/** Cells of a level along each axis. */
export function width(lattice: Lattice, level: number): number {
  return lattice.cells * 2 ** level;
}

/** Centre of a cell. */
export function centre(lattice: Lattice, level: number, cell: number): [number, number] {
  const wide = width(lattice, level);
  const i = Math.floor(cell / wide);
  const scale = 2 ** -level;
  return [lattice.x0 + (i + 0.5) * lattice.dx * scale, lattice.y0 + (cell - i * wide + 0.5) * lattice.dy * scale];
}

/** The four quarters of a cell, numbered at the next level. */
export function quarters(lattice: Lattice, level: number, cell: number): number[] {
  const wide = width(lattice, level);
  const i = Math.floor(cell / wide);
  const j = cell - i * wide;
  const first = 2 * i * 2 * wide + 2 * j;
  return [first, first + 1, first + 2 * wide, first + 2 * wide + 1];
}

/** Level of the smallest cell known at cell (i, j) of `level`, at most `level` itself. */
function levelAt(lattice: Lattice, level: number, i: number, j: number): number {
  let wide = width(lattice, level);
  while (level > 0 && !lattice.levels[level].has(i * wide + j)) {
    level--;
    wide /= 2;
    i = Math.floor(i / 2);
    j = Math.floor(j / 2);
  }
  return level;
}

/** The neighbours of a cell, up to eight, as [level, cell]; where its own level is unknown, the smallest known cell. */
export function neighbours(lattice: Lattice, level: number, cell: number): [number, number][] {
  const wide = width(lattice, level);
  const i = Math.floor(cell / wide);
  const j = cell - i * wide;
  const found: [number, number][] = [];
  for (let p = Math.max(i - 1, 0); p <= Math.min(i + 1, wide - 1); p++) {
    for (let q = Math.max(j - 1, 0); q <= Math.min(j + 1, wide - 1); q++) {
      if (p === i && q === j) continue;
      const known = levelAt(lattice, level, p, q);
      const shrink = 2 ** (level - known);
      found.push([known, Math.floor(p / shrink) * (wide / shrink) + Math.floor(q / shrink)]);
    }
  }
  return found;
}

/** Calls `visit` with every leaf. */
export function eachLeaf(lattice: Lattice, visit: (level: number, cell: number, logDensity: number) => void): void {
  for (let level = 0; level < lattice.levels.length; level++) {
    for (const [cell, logDensity] of lattice.levels[level]) {
      if (!lattice.split[level].has(cell)) visit(level, cell, logDensity);
    }
  }
}

/** Weights of four equidistant values at the fraction t between the middle two (Catmull and Rom 1974). */
function cubic(t: number): [number, number, number, number] {
  const s = 1 - t;
  return [-0.5 * t * s * s, 1 + t * t * (1.5 * t - 2.5), 1 + s * s * (1.5 * s - 2.5), -0.5 * s * t * t];
}

/**
 * The log density at any point, interpolated by cubics that are exact for a normal density.
 *
 * Points outside the lattice get the value at its border. No result exceeds the nearest four values by more than half a
 * nat, since cubics swing beside steep slopes. `least` stands in for densities below it, such as 0.
 */
export function interpolate(lattice: Lattice, x: number, y: number, least: number): number {
  let level = lattice.levels.length - 1;
  const clamp = (at: number, wide: number) => Math.min(Math.max(Math.floor(at), 0), wide - 1);
  const wide = width(lattice, level);
  const i = clamp(((x - lattice.x0) / lattice.dx) * 2 ** level, wide);
  const j = clamp(((y - lattice.y0) / lattice.dy) * 2 ** level, wide);
  level = levelAt(lattice, level, i, j);
  return interpolateAt(lattice, level, x, y, least);
}

/** The same from the cells of one level; where a neighbour is unknown, from the levels above. */
function interpolateAt(lattice: Lattice, level: number, x: number, y: number, least: number): number {
  const wide = width(lattice, level);
  const known = lattice.levels[level];
  // In cells from the centre of the first.
  const u = Math.min(Math.max(((x - lattice.x0) / lattice.dx) * 2 ** level - 0.5, 0), wide - 1);
  const v = Math.min(Math.max(((y - lattice.y0) / lattice.dy) * 2 ** level - 0.5, 0), wide - 1);
  const [i, j] = [Math.floor(u), Math.floor(v)];
  const across = cubic(u - i);
  const along = cubic(v - j);
  let sum = 0;
  let near = -Infinity;
  for (let p = 0; p < 4; p++) {
    const column = Math.min(Math.max(i + p - 1, 0), wide - 1) * wide;
    for (let q = 0; q < 4; q++) {
      const cell = column + Math.min(Math.max(j + q - 1, 0), wide - 1);
      let value = known.get(cell);
      if (value === undefined) value = interpolateAt(lattice, level - 1, ...centre(lattice, level, cell), least);
      value = Math.max(value, least);
      sum += across[p] * along[q] * value;
      if ((p === 1 || p === 2) && (q === 1 || q === 2)) near = Math.max(near, value);
    }
  }
  return Math.min(sum, near + 0.5);
}
