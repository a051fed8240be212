/** Exported models that the reader brings: encoder.onnx and decoder.onnx, dropped as files or as their folder. */
import { partOf } from "./onnx_metadata";

export interface DroppedModel {
  name: string;
  encoder: Uint8Array;
  decoder: Uint8Array;
}

/** The encoder and the decoder among files; throws one line that says what is missing. */
export async function modelIn(files: readonly File[]): Promise<DroppedModel> {
  const onnx = files.filter((file) => file.name.toLowerCase().endsWith(".onnx"));
  if (!onnx.length)
    throw new Error(`${files.map((file) => file.name).join(", ") || "nothing"} is no exported model; drop encoder.onnx and decoder.onnx together`);
  const parts = new Map<string, Uint8Array>();
  let name = "dropped model";
  for (const file of onnx) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    try {
      const { part } = partOf(bytes);
      parts.set(part, bytes);
    } catch (error) {
      throw new Error(`${file.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
    const folder = file.webkitRelativePath?.split("/").at(-2);
    if (folder) name = folder;
  }
  const [encoder, decoder] = [parts.get("encoder"), parts.get("decoder")];
  if (!encoder || !decoder) throw new Error(`${onnx.map((file) => file.name).join(", ")} lacks the ${encoder ? "decoder" : "encoder"}; drop both together`);
  return { name, encoder, decoder };
}

/**
 * The files of a drop, with those of folders. A page opened from disk is given dropped files, but the browser does not
 * let it read them through their entries, nor read folders.
 */
export async function filesOf(transfer: DataTransfer): Promise<File[]> {
  const files: File[] = [];
  const folders: FileSystemDirectoryEntry[] = [];
  // All items are asked before the first wait: a drop is over then.
  for (const item of transfer.items) {
    const entry = item.webkitGetAsEntry();
    const file = item.getAsFile();
    if (entry?.isDirectory) folders.push(entry as FileSystemDirectoryEntry);
    else if (file) files.push(file);
  }
  return [...files, ...(await Promise.all(folders.map(filesIn))).flat()];
}

/** The files of a folder; one level is enough for an exported model. */
async function filesIn(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const reader = folder.createReader();
  const found: File[] = [];
  try {
    for (;;) {
      const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) return found;
      const files = some.filter((each) => each.isFile) as FileSystemFileEntry[];
      found.push(...(await Promise.all(files.map((each) => new Promise<File>((resolve, reject) => each.file(resolve, reject))))));
    }
  } catch {
    throw new Error(`the browser does not let this page read the folder ${folder.name}; drop the encoder.onnx and decoder.onnx in it`);
  }
}
