import { expect, test } from "vitest";
import { argmax, toRgba } from "../src/lib/images";

test("grey, colour and other channels", () => {
  expect(Array.from(toRgba(Float32Array.of(0, 1, 0.5, 0.2), [1, 2, 2]))).toEqual([
    0, 0, 0, 255, 255, 255, 255, 255, 128, 128, 128, 255, 51, 51, 51, 255,
  ]);
  expect(Array.from(toRgba(Uint8Array.of(1, 2, 3, 4, 5, 6), [3, 1, 2]))).toEqual([1, 3, 5, 255, 2, 4, 6, 255]);
  expect(Array.from(toRgba(Float32Array.of(0.2, 1, 0.6, 0), [2, 1, 2]))).toEqual([
    102, 102, 102, 255, 128, 128, 128, 255,
  ]);
  expect(Array.from(toRgba(Uint8Array.of(10, 20, 30, 40), [4, 1, 1]))).toEqual([25, 25, 25, 255]);
});

test("values outside [0, 1] are clipped", () => {
  expect(Array.from(toRgba(Float32Array.of(-0.5, 1.5, NaN), [3, 1, 1]))).toEqual([0, 255, 0, 255]);
});

test("a given array is filled and returned", () => {
  const out = new Uint8ClampedArray(8);
  expect(toRgba(Float32Array.of(1, 0), [1, 1, 2], out)).toBe(out);
  expect(Array.from(out)).toEqual([255, 255, 255, 255, 0, 0, 0, 255]);
});

test("argmax", () => {
  expect([argmax([1, 3, 3, 2]), argmax(Float32Array.of(-2, -1)), argmax([])]).toEqual([1, 1, -1]);
});
