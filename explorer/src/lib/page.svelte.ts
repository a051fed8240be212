/** The state of the page: the cursor, the image, the label, and the models that show them. */
import { readBlock, type Contents, type Images } from "./contents";
import { Engine } from "./engine";
import { Library, type Entry } from "./entry";
import type { Condition } from "./model";
import { Shown } from "./shown.svelte";
import type { Truth } from "./truth";
import { defaultState, packInk, unpackInk, type ReadState, type State } from "./state";

/** Most numbers of a point that a link carries. */
const MOST_LINKED = 256;

/** The test images, and their labels where they have any. */
export interface TestImages {
  pixels: Uint8Array;
  labels: ArrayLike<number> | null;
  /** (count, A). */
  attributes: Float32Array | null;
  count: number;
  shape: [number, number, number];
  name: string;
  binary: boolean;
}

/** Which two coordinates the plane shows: two latent dimensions, or the principal axes. */
export type Axes = [number, number] | "principal";

export class Page {
  /** The model in the middle. */
  main = $state.raw<Shown | null>(null);
  /** Further models, shown beside it. */
  others = $state.raw<Shown[]>([]);
  index = $state(0);
  names = $state.raw<string[]>([]);
  /** The cursor: latents, or codes. */
  z = $state.raw<Float32Array>(new Float32Array(2));
  label = $state<number | null>(null);
  /** The attributes, for a model that is conditional on them. */
  attributes = $state.raw<Float32Array>(new Float32Array(0));
  /** The image x, float32 in [0, 1]; null as long as there is none. */
  image = $state.raw<Float32Array | null>(null);
  /** Its row if it is a test image. */
  row = $state<number | null>(null);
  /** The drawing it was made from. */
  ink = $state.raw<Float32Array | null>(null);
  axes = $state.raw<Axes>([0, 1]);
  hidden = $state.raw<ReadonlySet<number>>(new Set());
  /** Points of a path, and the frames between them. */
  path = $state.raw<Float32Array[]>([]);
  pathKind = $state<"linear" | "spherical" | "shortest">("linear");
  way = $state.raw<Float32Array[]>([]);
  /** The true posterior of the image; null while it is not known. */
  truth = $state.raw<Truth | null>(null);
  /** Indices of the models beside the one in the middle. */
  compared = $state.raw<number[]>([]);
  /** Centre of the plane's view in latent units, and its magnification. */
  view = $state.raw({ x: 0, y: 0, k: 1 });
  /** One line for the reader, about what went wrong or was done. */
  message = $state("");
  dark = $state(false);

  images: TestImages | null = null;
  private asked = 0;
  /** Whether the page has an address of its own to keep its state in; in a notebook's frame it has none. */
  readonly hasAddress = location.protocol !== "about:";

  private constructor(
    readonly contents: Contents,
    readonly engine: Engine,
    readonly library: Library,
  ) {
    this.names = contents.models.map((model) => model.name);
  }

  /** Opens the first model and reads the images. */
  static async open(contents: Contents): Promise<Page> {
    const [runtime, images] = await Promise.all([readBlock("vaelab-runtime"), readImages(contents.images)]);
    const engine = new Engine(runtime);
    const page = new Page(contents, engine, new Library(engine, contents));
    page.images = images;
    await page.show(0);
    return page;
  }

  get entry(): Entry {
    return this.main!.entry;
  }

  /** The test images, if the model in the middle takes images of their shape. */
  get choice(): TestImages | null {
    return this.images?.shape.join() === this.entry.model.about.image.join() ? this.images : null;
  }

  get classes(): string[] {
    return this.entry.model.about.classes;
  }

  /** Shows a model in the middle; the cursor stays where its space has the same dimensions. */
  async show(index: number, epoch: number | null = null): Promise<void> {
    const call = ++this.asked;
    const entry = await this.library.open(index, epoch);
    // A later choice may have been opened sooner.
    if (call !== this.asked) return;
    const changed = !this.main || entry.model.dimensions !== this.main.model.dimensions || entry.model.hasCodes !== this.main.model.hasCodes;
    this.index = index;
    if (this.main && entry.model.about.image.join() !== this.main.model.about.image.join()) this.image = this.row = null;
    if (changed) {
      this.z = this.startOf(entry);
      this.axes = this.axesOf(entry);
      this.path = [];
    }
    if (entry.model.conditional && entry.model.about.classes.length) this.label ??= 0;
    else if (entry.model.about.attributes.length !== this.attributes.length) this.attributes = this.attributesOf(0, entry);
    // A model is in the middle or beside it, never both.
    const beside = this.compared.filter((each) => each !== index);
    this.others = this.others.filter((shown) => !shown.entry.key.startsWith(`${index}/`));
    this.main = new Shown(entry);
    this.refresh();
    if (beside.length < this.compared.length) await this.compare(beside);
  }

  /** Shows a model that the reader brings. */
  async add(name: string, encoder: Uint8Array, decoder: Uint8Array): Promise<void> {
    const index = await this.library.add(name, encoder, decoder);
    this.names = this.contents.models.map((model) => model.name);
    await this.show(index);
  }

  /** Shows models beside the one in the middle. */
  async compare(indices: number[]): Promise<void> {
    this.compared = indices;
    const others = await Promise.all(indices.map(async (index) => new Shown(await this.library.open(index))));
    if (this.compared !== indices) return;
    this.others = others;
    this.refresh();
  }

  /** Moves the cursor. */
  moveTo(z: Float32Array): void {
    this.z = z;
    for (const shown of this.all) if (this.fits(shown)) this.guard(shown.decodeAt(z, this.conditionFor(shown)));
  }

  /** Takes an image: a drawing, or a test image. */
  take(image: Float32Array | null, row: number | null = null): void {
    this.image = image;
    this.row = row;
    for (const shown of this.all) this.guard(shown.encodeImage(image, this.conditionFor(shown)));
  }

  /** Takes a test image, with its label if the model is conditional. */
  takeRow(row: number): void {
    const images = this.images!;
    const pixels = this.entry.model.pixels;
    const image = Float32Array.from(images.pixels.subarray(row * pixels, (row + 1) * pixels), (byte) => byte / 255);
    // An unknown class leaves the label as it is.
    if (images.labels && images.labels[row] < this.classes.length) this.label = images.labels[row];
    if (images.attributes) this.attributes = this.attributesOf(row, this.entry);
    this.take(image, row);
    this.moveTo(this.z);
  }

  setLabel(label: number | null): void {
    this.label = label;
    this.refresh();
  }

  setAttributes(attributes: Float32Array): void {
    this.attributes = attributes;
    this.refresh();
  }

  /** Computes everything again, after a change of model or label. */
  refresh(): void {
    this.moveTo(this.z);
    this.take(this.image, this.row);
  }

  /** Whether the cursor is a point of a model's space. */
  fits(shown: Shown): boolean {
    return shown.model.dimensions === this.z.length && shown.model.hasCodes === this.main!.model.hasCodes;
  }

  /** What a model is conditional on. */
  conditionFor(shown: Shown): Condition {
    if (!shown.model.conditional) return null;
    return shown.model.about.classes.length ? this.label : this.attributes;
  }

  /** What the page shows, for its link. */
  get state(): State {
    const axes = this.axesOf(this.entry);
    const usual = this.axes !== "principal" && this.axes.join() === axes.join();
    return {
      ...defaultState(),
      model: this.index,
      compare: this.compared,
      axes: usual ? defaultState().axes : this.axes,
      // A hierarchy has thousands of numbers, too many for a link.
      z: this.z.length <= MOST_LINKED && this.z.some((each) => each !== 0) ? [...this.z] : [],
      label: this.all.some((shown) => shown.model.conditional) ? this.label : null,
      attributes: this.all.some((shown) => this.conditionFor(shown) === this.attributes) ? [...this.attributes] : [],
      hidden: [...this.hidden],
      view: this.view,
      ink: this.row === null && this.image && this.image.length === 784 ? packInk(this.image) : null,
      image: this.row,
      path: this.z.length <= MOST_LINKED ? this.path.map((point) => [...point]) : [],
      pathKind: this.pathKind,
    };
  }

  /** Shows what a link says, as far as this page has it; what a link does not say is as on a new page. */
  async restore(state: ReadState): Promise<void> {
    const lost = new Set<string>(state.ignored);
    const known = (name: keyof State, holds: boolean): boolean => {
      if (!holds) lost.add(name);
      return holds;
    };
    const models = this.contents.models.length;
    if (known("model", state.model < models) && state.model !== this.index) await this.show(state.model);
    const compare = state.compare.filter((index) => known("compare", index < models) && index !== this.index);
    if (compare.join() !== this.compared.join()) await this.compare(compare);
    const { dimensions, pixels } = this.entry.model;
    const usual = String(state.axes) === String(defaultState().axes);
    const within = state.axes === "principal" ? !!this.entry.positions?.about.principal : Math.max(...state.axes) < dimensions;
    this.axes = !usual && known("axes", within) ? state.axes : this.axesOf(this.entry);
    this.hidden = new Set(state.hidden.filter((label) => known("hidden", label <= this.classes.length)));
    this.view = state.view;
    const point = state.z.length > 0 && known("z", state.z.length === dimensions);
    this.z = point ? Float32Array.from(state.z) : this.startOf(this.entry);
    const points = known("path", state.path.every((each) => each.length === dimensions)) ? state.path : [];
    this.path = points.map((each) => Float32Array.from(each));
    this.pathKind = state.pathKind;
    this.ink = null;
    if (state.ink && known("ink", pixels === 784)) this.take(unpackInk(state.ink));
    else if (state.image !== null && known("image", state.image < (this.choice?.count ?? 0))) this.takeRow(state.image);
    else this.take(null);
    if (state.label !== null && known("label", state.label < this.classes.length)) this.label = state.label;
    if (state.attributes.length === this.attributes.length) this.attributes = Float32Array.from(state.attributes);
    this.refresh();
    if (lost.size) this.say(`The link's ${[...lost].join(", ")} cannot be read and is left out.`);
  }

  /** Shows the first line of an error, and goes on. */
  guard(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.say(error instanceof Error ? error.message : String(error)));
  }

  say(line: string): void {
    this.message = line.split("\n")[0];
  }

  get all(): Shown[] {
    return this.main ? [this.main, ...this.others] : [];
  }

  private startOf(entry: Entry): Float32Array {
    const { model, codes } = entry;
    if (model.hasCodes && codes) return Float32Array.from(codes.subarray(0, model.dimensions));
    return new Float32Array(model.dimensions);
  }

  /** Attributes of a test image; 0 where there is none. */
  private attributesOf(row: number, entry: Entry): Float32Array {
    const width = entry.model.about.attributes.length;
    return this.images?.attributes?.slice(row * width, (row + 1) * width) ?? new Float32Array(width);
  }

  /** A space of one dimension lacks the second one, which is 0 then. */
  private axesOf(entry: Entry): [number, number] {
    const kept = entry.positions?.about.dimensions ?? [0, 1];
    return [kept[0], kept[1] ?? 1];
  }
}

async function readImages(about: Images | null): Promise<TestImages | null> {
  if (!about) return null;
  const { pixels, labels, attributes, ...rest } = about;
  const [bytes, marks, numbers] = await Promise.all([pixels, labels, attributes].map((id) => (id ? readBlock(id) : null)));
  // From 256 classes on, labels need two bytes each.
  const wide = marks !== null && marks.length !== rest.count;
  return {
    pixels: bytes!,
    labels: wide ? new Uint16Array(marks.buffer) : marks,
    attributes: numbers && new Float32Array(numbers.buffer),
    ...rest,
  };
}
