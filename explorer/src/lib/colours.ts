/** Colours of classes: the eight of Okabe and Ito (2008), a violet and a brown, for light and for dark pages. */
const LIGHT = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8020e0", "#602000", "#bdae00"];
const DARK = ["#3d9bdb", "#f07b2b", "#1fc796", "#e08fbe", "#f0b429", "#7cc8f5", "#f2f4f6", "#b07cf5", "#c08a5a", "#f0e442"];

/** Grey, for images whose class is unknown. */
const UNKNOWN = { light: "#bbbbbb", dark: "#6b7280" };

/** Colour of one of so many classes, of which an unknown one is the next; beyond ten, the colours repeat. */
export function classColour(label: number, dark: boolean, classes = Infinity): string {
  if (label >= classes) return dark ? UNKNOWN.dark : UNKNOWN.light;
  return (dark ? DARK : LIGHT)[label % LIGHT.length];
}
