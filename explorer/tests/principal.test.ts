import { expect, test } from "vitest";
import { gaussianDraw, seeded } from "../src/lib/normal";
import { lift, project } from "../src/lib/principal";

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i], 0);

/** Two orthonormal axes of five dimensions (Gram and Schmidt), and a centre. */
function plane() {
  const random = seeded(8);
  const first = Array.from(gaussianDraw(random, 5));
  const second = Array.from(gaussianDraw(random, 5));
  const length = Math.sqrt(dot(first, first));
  const a = first.map((value) => value / length);
  const rest = second.map((value, i) => value - dot(a, second) * a[i]);
  const b = rest.map((value) => value / Math.sqrt(dot(rest, rest)));
  return { centre: gaussianDraw(random, 5), axes: [a, b] as [number[], number[]] };
}

test("a point of the plane has its coordinates as scores", () => {
  const { centre, axes } = plane();
  const z = centre.map((value, d) => value + 1.5 * axes[0][d] - 0.7 * axes[1][d]);
  expect(project(z, { centre, axes })).toEqual([expect.closeTo(1.5, 5), expect.closeTo(-0.7, 5)]);
  expect(project(centre, { centre, axes })).toEqual([0, 0]);
});

test("the lifted point has the scores, and the rest stays", () => {
  const principal = plane();
  const z = gaussianDraw(seeded(9), 5);
  const before = z.slice();
  const found = lift([2, -3], z, principal);
  expect(project(found, principal)).toEqual([expect.closeTo(2, 5), expect.closeTo(-3, 5)]);
  expect(z).toEqual(before);
  // The move has no part outside the plane.
  const move = Array.from(found, (value, d) => value - z[d]);
  const [u, v] = principal.axes.map((axis) => dot(axis, move));
  move.forEach((value, d) => expect(value).toBeCloseTo(u * principal.axes[0][d] + v * principal.axes[1][d], 5));
  expect(lift(project(z, principal), z, principal)).toEqual(z);
});
