/** Files that the page gives to the reader. */

/** Lets the browser save bytes under a name. */
export function download(name: string, content: BlobPart, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A panel as PNG, at twice its size on screen; without its buttons and explanations. */
export async function panelPng(panel: HTMLElement): Promise<Blob> {
  const { toBlob } = await import("html-to-image");
  const background = getComputedStyle(document.body).backgroundColor;
  const blob = await toBlob(panel, {
    pixelRatio: 2,
    backgroundColor: background,
    skipFonts: true,
    filter: (node) => !(node instanceof HTMLElement && node.dataset.screenOnly !== undefined),
  });
  if (!blob) throw new Error("the browser could not make a PNG of this panel");
  return blob;
}
