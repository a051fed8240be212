import { expect, test } from "vitest";
import { classColour } from "../src/lib/colours";

test("an unknown class is grey, and no class has its colour", () => {
  for (const dark of [false, true]) {
    const grey = classColour(3, dark, 3);
    expect(classColour(40, dark, 40)).toBe(grey);
    for (let label = 0; label < 12; label++) expect(classColour(label, dark, 12)).not.toBe(grey);
  }
});
