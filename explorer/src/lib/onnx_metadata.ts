/** What vaelab writes into an ONNX file about the model in it. */

import { fieldsOf, textOf } from "./protobuf";

export interface LatentGroup {
  name: string;
  dimensions: number;
  /** Axes of the group's noise without the batch. */
  shape: number[];
}

export type Latent =
  | { kind: "vector"; dimensions: number }
  | { kind: "groups"; groups: LatentGroup[] }
  /** `slots` codes out of `size` each; `positions` of them lie on the map (h, w), or on none. */
  | { kind: "codes"; slots: number; size: number; positions: number; map: [number, number] | null };

export interface PartMetadata {
  format: 1;
  vaelab: string;
  part: "encoder" | "decoder" | "prior" | "likelihood";
  summary: string;
  composition: unknown;
  /** Channels, height, width. */
  image: [number, number, number];
  classes: string[];
  attributes: string[];
  conditional: boolean;
  latent: Latent;
  /** What the encoder's outputs are: all of q(z | x), or only its moments. */
  posterior: { kind: "diagonal-normal" | "codes" | "other" };
  prior: { kind: "standard-normal" | "uniform-codes" | "other" };
  likelihood: { kind: "bernoulli" | "other"; binary: boolean; score_name_grey: string };
}

/** Numbers of the fields of ModelProto and StringStringEntryProto (onnx.proto). */
const GRAPH = 7;
const METADATA_PROPS = 14;
const KEY = 1;
const VALUE = 2;

/** The `metadata_props` of an ONNX file. Throws an Error with one line on bytes that are no ONNX model. */
export function metadataOf(bytes: Uint8Array): Map<string, string> {
  const found = new Map<string, string>();
  let graph = false;
  for (const field of fieldsOf(bytes)) {
    graph ||= field.number === GRAPH && field.bytes !== null;
    if (field.number !== METADATA_PROPS || !field.bytes) continue;
    let [key, value] = ["", ""];
    for (const entry of fieldsOf(field.bytes)) {
      if (entry.number === KEY && entry.bytes) key = textOf(entry.bytes);
      if (entry.number === VALUE && entry.bytes) value = textOf(entry.bytes);
    }
    found.set(key, value);
  }
  // Many short texts happen to be valid messages, but every model has a graph.
  if (!graph) throw new Error("the file is damaged or is not an ONNX model");
  return found;
}

/** What the file's key "vaelab" says, with every field checked. Throws an Error with one line if it is not usable. */
export function partOf(bytes: Uint8Array): PartMetadata {
  const text = metadataOf(bytes).get("vaelab");
  if (text === undefined)
    throw new Error("the ONNX file was not written by vaelab; give a model that vaelab exported");
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new Error("the ONNX file's description of its model is damaged; export the model again");
  }
  const about = object(parsed, "vaelab");
  if (about.format !== 1) {
    throw new Error(
      `the ONNX file has format ${JSON.stringify(about.format)}, but this page reads format 1; export the model again`,
    );
  }
  const posterior = object(about.posterior, "posterior");
  const prior = object(about.prior, "prior");
  const likelihood = object(about.likelihood, "likelihood");
  return {
    format: 1,
    vaelab: string(about.vaelab, "vaelab"),
    part: oneOf(about.part, "part", ["encoder", "decoder", "prior", "likelihood"]),
    summary: string(about.summary, "summary"),
    composition: about.composition,
    image: counts(about.image, "image", 3) as [number, number, number],
    classes: strings(about.classes, "classes"),
    attributes: strings(about.attributes, "attributes"),
    conditional: boolean(about.conditional, "conditional"),
    latent: latentOf(object(about.latent, "latent")),
    posterior: { kind: oneOf(posterior.kind, "posterior.kind", ["diagonal-normal", "codes", "other"]) },
    prior: { kind: oneOf(prior.kind, "prior.kind", ["standard-normal", "uniform-codes", "other"]) },
    likelihood: {
      kind: oneOf(likelihood.kind, "likelihood.kind", ["bernoulli", "other"]),
      binary: boolean(likelihood.binary, "likelihood.binary"),
      score_name_grey: string(likelihood.score_name_grey, "likelihood.score_name_grey"),
    },
  };
}

function latentOf(latent: Record<string, unknown>): Latent {
  const kind = oneOf(latent.kind, "latent.kind", ["vector", "groups", "codes"]);
  if (kind === "vector") return { kind, dimensions: count(latent.dimensions, "latent.dimensions") };
  if (kind === "groups") {
    const groups = array(latent.groups, "latent.groups").map((entry) => {
      const group = object(entry, "latent.groups");
      return {
        name: string(group.name, "latent.groups.name"),
        dimensions: count(group.dimensions, "latent.groups.dimensions"),
        shape: counts(group.shape, "latent.groups.shape"),
      };
    });
    return { kind, groups };
  }
  return {
    kind,
    slots: count(latent.slots, "latent.slots"),
    size: count(latent.size, "latent.size"),
    positions: count(latent.positions, "latent.positions"),
    map: latent.map === null ? null : (counts(latent.map, "latent.map", 2) as [number, number]),
  };
}

function wrong(name: string, expected: string): Error {
  return new Error(`the ONNX file's ${name} is not ${expected}; export the model again`);
}

function object(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(name, "an object");
  return value as Record<string, unknown>;
}

function array(value: unknown, name: string): unknown[] {
  if (!Array.isArray(value)) throw wrong(name, "a list");
  return value;
}

function string(value: unknown, name: string): string {
  if (typeof value !== "string") throw wrong(name, "a text");
  return value;
}

function strings(value: unknown, name: string): string[] {
  return array(value, name).map((entry) => string(entry, name));
}

function boolean(value: unknown, name: string): boolean {
  if (typeof value !== "boolean") throw wrong(name, "true or false");
  return value;
}

function count(value: unknown, name: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1)
    throw wrong(name, "a whole number above 0");
  return value;
}

function counts(value: unknown, name: string, length?: number): number[] {
  const found = array(value, name).map((entry) => count(entry, name));
  if (length !== undefined && found.length !== length) throw wrong(name, `a list of ${length} numbers`);
  return found;
}

function oneOf<T extends string>(value: unknown, name: string, allowed: T[]): T {
  if (!allowed.includes(value as T)) throw wrong(name, `one of ${allowed.join(", ")}`);
  return value as T;
}
