/** The plane of the first two principal axes of the posterior means. */

export interface Principal {
  /** The mean of all means, D numbers. */
  centre: ArrayLike<number>;
  /** Two orthonormal axes of D numbers each. */
  axes: [ArrayLike<number>, ArrayLike<number>];
}

/** The scores of z (D numbers) along the axes: axes (z - centre). */
export function project(z: ArrayLike<number>, { centre, axes }: Principal): [number, number] {
  const along = (axis: ArrayLike<number>) => {
    let sum = 0;
    for (let d = 0; d < z.length; d++) sum += axis[d] * (z[d] - centre[d]);
    return sum;
  };
  return [along(axes[0]), along(axes[1])];
}

/**
 * The point that has the given scores and is nearest to z: z + axes^T (score - project(z)).
 *
 * It moves z within the plane that the axes span, and leaves what is orthogonal to them unchanged.
 */
export function lift(score: [number, number], z: Float32Array, principal: Principal): Float32Array {
  const at = project(z, principal);
  const [u, v] = [score[0] - at[0], score[1] - at[1]];
  const [first, second] = principal.axes;
  return z.map((value, d) => value + u * first[d] + v * second[d]);
}
