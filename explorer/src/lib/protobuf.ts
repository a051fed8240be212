/** The wire format of protocol buffers, as far as it takes to find a field and skip the rest. */

/** One field of a message: its number, and the bytes of a length-delimited one (null for the other wire types). */
export interface Field {
  number: number;
  bytes: Uint8Array | null;
}

const DAMAGED = "the file is damaged or is not an ONNX model";

/** The fields of a message in order. Throws an Error on bytes that are no message. */
export function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  let at = 0;

  function varint(): number {
    let value = 0;
    // At most ten bytes of seven bits, lowest first. Beyond 2^53 a value is inexact, and too large for any use here.
    for (let i = 0; i < 10; i++) {
      if (at >= bytes.length) throw new Error(DAMAGED);
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw new Error(DAMAGED);
  }

  function take(length: number): Uint8Array {
    if (length > bytes.length - at) throw new Error(DAMAGED);
    at += length;
    return bytes.subarray(at - length, at);
  }

  // Each turn reads at least one byte, so the loop ends.
  while (at < bytes.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    if (number < 1 || number >= 2 ** 29) throw new Error(DAMAGED);
    switch (tag % 8) {
      case 0:
        varint();
        yield { number, bytes: null };
        break;
      case 1:
        take(8);
        yield { number, bytes: null };
        break;
      case 2:
        yield { number, bytes: take(varint()) };
        break;
      case 5:
        take(4);
        yield { number, bytes: null };
        break;
      default:
        throw new Error(DAMAGED);
    }
  }
}

/** UTF-8 text. Throws an Error on bytes that are none. */
export function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Error(DAMAGED);
  }
}
