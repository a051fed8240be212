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

/** The files of a drop, with those of folders. */
export async function filesOf(transfer: DataTransfer): Promise<File[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (!entries.length) return [...transfer.files];
  return (await Promise.all(entries.map(filesIn))).flat();
}

async function filesIn(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) return [await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: File[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    // One level is enough for an exported model.
    found.push(...(await Promise.all(some.filter((each) => each.isFile).map(filesIn))).flat());
  }
}
