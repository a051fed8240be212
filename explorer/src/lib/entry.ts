/** A model of the page with the points that it makes of the images. */
import { readBlock, type BlockId, type Contents, type ModelContents, type Points } from "./contents";
import type { Engine } from "./engine";
import { Model } from "./model";

/** Positions of the images in the latent space. */
export interface Positions {
  about: Points;
  /** (count, kept) each. */
  means: Float32Array;
  stddevs: Float32Array;
  /** Along the principal axes, (count, 2). */
  scores: Float32Array | null;
}

export interface Entry {
  key: string;
  name: string;
  /** Epoch of a snapshot; null for the model itself. */
  epoch: number | null;
  model: Model;
  positions: Positions | null;
  codes: Uint16Array | null;
  leftOut: string[];
}

/** Opens models of the page when they are first shown. */
export class Library {
  private readonly opened = new Map<string, Promise<Entry>>();

  constructor(
    private readonly engine: Engine,
    readonly contents: Contents,
  ) {}

  /** The model of an index, or its snapshot of an epoch. */
  open(index: number, epoch: number | null = null): Promise<Entry> {
    const key = `${index}/${epoch ?? "last"}`;
    let entry = this.opened.get(key);
    if (!entry) {
      entry = this.read(key, this.contents.models[index], epoch);
      this.opened.set(key, entry);
    }
    return entry;
  }

  /** Opens a model from files that the user brings, and adds it to the contents. */
  async add(name: string, encoder: Uint8Array, decoder: Uint8Array): Promise<number> {
    const index = this.contents.models.length;
    const model = await Model.open(this.engine, `${index}/last`, { encoder, decoder });
    const about: ModelContents = {
      name,
      encoder: null,
      decoder: "",
      prior: null,
      likelihood: null,
      points: null,
      codes: null,
      leftOut: ["a model that was dropped on the page brings no images of its own"],
      snapshots: [],
    };
    this.contents.models.push(about);
    const entry: Entry = { key: `${index}/last`, name, epoch: null, model, positions: null, codes: null, leftOut: about.leftOut };
    this.opened.set(entry.key, Promise.resolve(entry));
    return index;
  }

  private async read(key: string, about: ModelContents, epoch: number | null): Promise<Entry> {
    const from = epoch === null ? about : about.snapshots.find((each) => each.epoch === epoch)!;
    const [encoder, decoder, prior, likelihood] = await Promise.all([
      block(from.encoder),
      readBlock(from.decoder),
      block(from.prior),
      block(from.likelihood),
    ]);
    const [model, positions, codes] = await Promise.all([
      Model.open(this.engine, key, { encoder, decoder, prior, likelihood }),
      from.points ? readPositions(from.points) : null,
      block(from.codes).then((bytes) => bytes && new Uint16Array(bytes.buffer)),
    ]);
    return { key, name: about.name, epoch, model, positions, codes, leftOut: about.leftOut };
  }
}

async function block(id: BlockId | null): Promise<Uint8Array<ArrayBuffer> | null> {
  return id === null ? null : readBlock(id);
}

async function readPositions(about: Points): Promise<Positions> {
  const moments = new Float32Array((await readBlock(about.moments)).buffer);
  const half = moments.length / 2;
  const scores = about.scores ? new Float32Array((await readBlock(about.scores)).buffer) : null;
  return { about, means: moments.subarray(0, half), stddevs: moments.subarray(half), scores };
}
