/** What `vaelab explore` puts into the page: names, numbers, and blocks of compressed bytes. */

/** Where a block of bytes lies: the id of a script element with gzip in base64. */
export type BlockId = string;

export interface Images {
  /** Pixels, uint8, (count, channels, height, width). */
  pixels: BlockId;
  /**
   * One label per image, uint8 or uint16 by the number of classes, which itself stands for an unknown class; null for
   * unlabelled images.
   */
  labels: BlockId | null;
  /** Attributes, float32, (count, A), where a model is conditional on them. */
  attributes: BlockId | null;
  count: number;
  shape: [number, number, number];
  /** Whether their pixels are 0 or 1 only. */
  binary: boolean;
  /** Name of the data and of the split. */
  name: string;
}

/** Where the encoder puts the images: a column per latent dimension that is kept. */
export interface Points {
  /** The latent dimensions that are kept, those with the most KL first. */
  dimensions: number[];
  /** Means, then standard deviations, float32, (count, kept) each. */
  moments: BlockId;
  /** KL per latent dimension in nats, averaged over the images; null unless the prior is a standard normal and the posterior a diagonal one. */
  kl: number[] | null;
  /** Variance over the images of the mean of each latent dimension. */
  activity: number[];
  /** The first two principal axes of all means: centre and axes of D numbers each; null for two dimensions. */
  principal: { centre: number[]; axes: [number[], number[]] } | null;
  /** Means along the principal axes, float32, (count, 2); null for two dimensions. */
  scores: BlockId | null;
}

/** The exported parts of a model, its points and its codes. */
export interface PartsContents {
  /** Null where the posterior cannot be exported. */
  encoder: BlockId | null;
  decoder: BlockId;
  /** Graphs of log p(z) and log p(x | z) where the page has no formula for them. */
  prior: BlockId | null;
  likelihood: BlockId | null;
  points: Points | null;
  /** Codes of the images, uint16, (count, slots), for a codebook. */
  codes: BlockId | null;
}

export interface ModelContents extends PartsContents {
  name: string;
  /** What is not shown for this model, and why. */
  leftOut: string[];
  /** Snapshots of the training, the first one first; the model itself is the last. */
  snapshots: (PartsContents & { epoch: number })[];
}

export interface Contents {
  format: 1;
  vaelab: string;
  title: string;
  images: Images | null;
  models: ModelContents[];
}

/** The contents of this page; null for a page that was built without any. */
export function readContents(): Contents | null {
  const text = document.getElementById("vaelab-contents")?.textContent?.trim();
  return text ? (JSON.parse(text) as Contents) : null;
}

/** The bytes of a block; its element is emptied, since a text of megabytes is read once. */
export async function readBlock(id: BlockId): Promise<Uint8Array<ArrayBuffer>> {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page lacks its block ${id}; write it again`);
  const bytes = fromBase64(element.textContent ?? "");
  element.textContent = "";
  return unzip(bytes);
}

/** Newer browsers decode base64 themselves, which is several times faster. */
function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const native = (Uint8Array as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> }).fromBase64;
  if (native) return native(text.trim());
  const binary = atob(text.trim());
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function unzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
