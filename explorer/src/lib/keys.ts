/** Keys that move something in the plane of the screen. */

const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};

/** Direction of an arrow key, right and up; undefined for other keys. */
export function arrow(key: string): [number, number] | undefined {
  return ARROWS[key];
}
