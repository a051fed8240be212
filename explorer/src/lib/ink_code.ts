/** A drawing as a short text: 16 levels per pixel, runs of 0 and of full ink by their lengths, in base64url. */

const FULL = 15;
/** A count of this many means that the run goes on with another count. */
const LONG = 15;

/**
 * The text of an image of values in [0, 1]; a drawn digit takes about 250 characters, any 28 x 28 image at most 1,046.
 *
 * The code is a list of numbers of 4 bits: 1 to 14 stand for themselves; 0 and 15 are followed by the length of their
 * run less 1, as a sum of counts that ends with the first below 15.
 */
export function packInk(image: ArrayLike<number>): string {
  const code: number[] = [];
  for (let at = 0; at < image.length;) {
    const level = levelOf(image[at++]);
    code.push(level);
    if (level !== 0 && level !== FULL) continue;
    let more = 0;
    while (at < image.length && levelOf(image[at]) === level) {
      at++;
      more++;
    }
    for (; more >= LONG; more -= LONG) code.push(LONG);
    code.push(more);
  }
  // A last 0 without a count fills the last byte.
  if (code.length % 2) code.push(0);
  let binary = "";
  for (let i = 0; i < code.length; i += 2) binary += String.fromCharCode(16 * code[i] + code[i + 1]);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** The image of a text, values in [0, 1]; null if it is broken or has not `pixels` values (any number for null). */
export function unpackInk(text: string, pixels: number | null = 784): Float32Array | null {
  if (!/^[\w-]+$/.test(text) || text.length % 4 === 1) return null;
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const code: number[] = [];
  for (let i = 0; i < binary.length; i++) code.push(binary.charCodeAt(i) >> 4, binary.charCodeAt(i) & 15);
  const found: number[] = [];
  for (let at = 0; at < code.length;) {
    const level = code[at++];
    let length = 1;
    if (level === 0 || level === FULL) {
      if (at === code.length && level === 0) break;
      let count = LONG;
      while (count === LONG) {
        if (at === code.length) return null;
        count = code[at++];
        length += count;
      }
    }
    for (let i = 0; i < length; i++) found.push(level / FULL);
  }
  return pixels === null || found.length === pixels ? Float32Array.from(found) : null;
}

function levelOf(value: number): number {
  return Math.round(FULL * Math.min(Math.max(value, 0), 1)) || 0;
}
