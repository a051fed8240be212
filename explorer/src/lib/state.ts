/** The permalink: what the page shows, as readable `key=value` pairs after the address's #. */

import { unpackInk } from "./ink_code";

export { packInk, unpackInk } from "./ink_code";

export interface State {
  /** Number of the model, and of those it is compared with. */
  model: number;
  compare: number[];
  /** Latent dimensions of the map, or the principal plane. */
  axes: [number, number] | "principal";
  /** The chosen point; empty for the default one. */
  z: number[];
  label: number | null;
  /** Attributes of a model that is conditional on them; empty for those of the image. */
  attributes: number[];
  /** Classes filtered out. */
  hidden: number[];
  /** Shift and scale of the map. */
  view: { x: number; y: number; k: number };
  /** A drawing, by `packInk`. */
  ink: string | null;
  /** Number of an image of the page. */
  image: number | null;
  /** Points of the path, with as many numbers each. */
  path: number[][];
  pathKind: "linear" | "spherical" | "shortest";
  /** Names of the open panels, of letters, digits, - and _. */
  panels: string[];
}

/** A state, and the names of the fields that were unknown, repeated or broken and so have their defaults. */
export type ReadState = State & { ignored: string[] };

/** The state of a page without a permalink; fields that equal it are not written. */
export function defaultState(): State {
  return {
    model: 0,
    compare: [],
    axes: [0, 1],
    z: [],
    label: null,
    attributes: [],
    hidden: [],
    view: { x: 0, y: 0, k: 1 },
    ink: null,
    image: null,
    path: [],
    pathKind: "linear",
    panels: [],
  };
}

/** Thrown by the readers below for a value that is none of theirs. */
class Broken extends Error {}

interface Form<K extends keyof State> {
  write: (value: State[K]) => string;
  read: (text: string) => State[K];
}

const list =
  <T>(each: (text: string) => T) =>
  (text: string) =>
    text.split(",").map(each);

const FORMS: { [K in keyof State]: Form<K> } = {
  model: { write: String, read: index },
  compare: { write: (value) => value.join(), read: list(index) },
  axes: { write: (value) => (value === "principal" ? value : value.join()), read: axes },
  z: { write: numbers, read: list(number) },
  label: { write: String, read: index },
  attributes: { write: numbers, read: list(number) },
  hidden: { write: (value) => value.join(), read: list(index) },
  view: { write: ({ x, y, k }) => numbers([x, y, k]), read: view },
  ink: { write: String, read: ink },
  image: { write: String, read: index },
  path: { write: (value) => value.map(numbers).join(";"), read: path },
  pathKind: { write: String, read: pathKind },
  panels: { write: (value) => value.join(), read: list(name) },
};
const KEYS = Object.keys(FORMS) as (keyof State)[];

/** The state as text without the #; numbers have 4 significant digits. */
export function writeState(state: State): string {
  const usual = defaultState();
  const pairs: string[] = [];
  function add<K extends keyof State>(key: K): void {
    const value = state[key];
    // Null stands for nothing to write, and is the default wherever it is allowed.
    if (value === null) return;
    const text = FORMS[key].write(value);
    if (usual[key] !== null && text === FORMS[key].write(usual[key])) return;
    pairs.push(`${key}=${text}`);
  }
  KEYS.forEach(add);
  return pairs.join("&");
}

/** The state that a text describes, with or without the #; see `ReadState` for what it does with broken fields. */
export function readState(hash: string): ReadState {
  const state = defaultState();
  const ignored: string[] = [];
  const seen = new Set<string>();
  function take<K extends keyof State>(key: K, text: string): void {
    state[key] = FORMS[key].read(text);
  }
  for (const pair of hash.replace(/^#/, "").split("&")) {
    if (pair === "") continue;
    const at = pair.indexOf("=");
    const key = at < 0 ? pair : pair.slice(0, at);
    try {
      if (at < 0 || seen.has(key) || !Object.hasOwn(FORMS, key)) throw new Broken();
      seen.add(key);
      // Some programs that pass links on escape commas and semicolons.
      take(key as keyof State, unescaped(pair.slice(at + 1)));
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      const shown = key.slice(0, 40);
      if (!ignored.includes(shown)) ignored.push(shown);
    }
  }
  return { ...state, ignored };
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Broken();
  }
}

function numbers(values: ArrayLike<number>): string {
  return Array.from(values, (value) => String(Number.isFinite(value) ? Number(value.toPrecision(4)) : 0)).join();
}

function number(text: string): number {
  if (!/^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text) || !Number.isFinite(Number(text))) throw new Broken();
  return Number(text);
}

function index(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Broken();
  return Number(text);
}

function axes(text: string): State["axes"] {
  if (text === "principal") return text;
  const found = list(index)(text);
  if (found.length !== 2 || found[0] === found[1]) throw new Broken();
  return found as [number, number];
}

function view(text: string): State["view"] {
  const found = list(number)(text);
  if (found.length !== 3 || found[2] <= 0) throw new Broken();
  return { x: found[0], y: found[1], k: found[2] };
}

function ink(text: string): string {
  if (unpackInk(text, null) === null) throw new Broken();
  return text;
}

function path(text: string): number[][] {
  const found = text.split(";").map(list(number));
  if (found.some((point) => point.length !== found[0].length)) throw new Broken();
  return found;
}

function pathKind(text: string): State["pathKind"] {
  if (text !== "linear" && text !== "spherical" && text !== "shortest") throw new Broken();
  return text;
}

function name(text: string): string {
  if (!/^[\w-]{1,40}$/.test(text)) throw new Broken();
  return text;
}
