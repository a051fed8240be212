/** The state of the page: the cursor, the image, the label, and the models that show them. */
import { readBlock, type Contents } from "./contents";
import { Engine } from "./engine";
import { Library, type Entry } from "./entry";
import { Shown } from "./shown.svelte";

/** The test images, and their labels where they have any. */
export interface TestImages {
  pixels: Uint8Array;
  labels: ArrayLike<number> | null;
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
  /** The image x, float32 in [0, 1]; null as long as there is none. */
  image = $state.raw<Float32Array | null>(null);
  /** Its row if it is a test image. */
  row = $state<number | null>(null);
  /** The drawing it was made from. */
  ink = $state.raw<Float32Array | null>(null);
  axes = $state.raw<Axes>([0, 1]);
  hidden = $state.raw<ReadonlySet<number>>(new Set());
  /** One line for the reader, about what went wrong or was done. */
  message = $state("");
  dark = $state(false);

  images: TestImages | null = null;

  private constructor(
    readonly contents: Contents,
    readonly engine: Engine,
    readonly library: Library,
  ) {
    this.names = contents.models.map((model) => model.name);
  }

  /** Opens the first model and reads the images. */
  static async open(contents: Contents): Promise<Page> {
    const engine = new Engine(await readBlock("vaelab-runtime"));
    const page = new Page(contents, engine, new Library(engine, contents));
    if (contents.images) {
      const { pixels, labels, ...rest } = contents.images;
      const bytes = labels ? await readBlock(labels) : null;
      const narrow = bytes && bytes.length === rest.count ? bytes : bytes && new Uint16Array(bytes.buffer);
      page.images = { pixels: await readBlock(pixels), labels: narrow, ...rest };
    }
    await page.show(0);
    return page;
  }

  get entry(): Entry {
    return this.main!.entry;
  }

  get classes(): string[] {
    return this.entry.model.about.classes;
  }

  /** Shows a model in the middle; the cursor stays where its space has the same dimensions. */
  async show(index: number, epoch: number | null = null): Promise<void> {
    const entry = await this.library.open(index, epoch);
    const changed = !this.main || entry.model.dimensions !== this.main.model.dimensions || entry.model.hasCodes !== this.main.model.hasCodes;
    this.index = index;
    if (changed) {
      this.z = this.startOf(entry);
      this.axes = this.axesOf(entry);
    }
    if (entry.model.conditional && entry.model.about.classes.length) this.label ??= 0;
    this.main = new Shown(entry);
    this.refresh();
  }

  /** Shows models beside the one in the middle. */
  async compare(indices: number[]): Promise<void> {
    this.others = await Promise.all(indices.map(async (index) => new Shown(await this.library.open(index))));
    this.refresh();
  }

  /** Moves the cursor. */
  moveTo(z: Float32Array): void {
    this.z = z;
    for (const shown of this.all) if (this.fits(shown)) this.guard(shown.decodeAt(z, this.labelFor(shown)));
  }

  /** Takes an image: a drawing, or a test image. */
  take(image: Float32Array | null, row: number | null = null): void {
    this.image = image;
    this.row = row;
    for (const shown of this.all) this.guard(shown.encodeImage(image, this.labelFor(shown)));
  }

  /** Takes a test image, with its label if the model is conditional. */
  takeRow(row: number): void {
    const images = this.images!;
    const pixels = this.entry.model.pixels;
    const image = Float32Array.from(images.pixels.subarray(row * pixels, (row + 1) * pixels), (byte) => byte / 255);
    if (images.labels) this.label = this.entry.model.conditional ? images.labels[row] : this.label;
    this.take(image, row);
    this.moveTo(this.z);
  }

  setLabel(label: number | null): void {
    this.label = label;
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

  labelFor(shown: Shown): number | null {
    return shown.model.conditional ? this.label : null;
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

  private axesOf(entry: Entry): Axes {
    const kept = entry.positions?.about.dimensions ?? [0, 1];
    return [kept[0], kept[1] ?? kept[0]];
  }
}
