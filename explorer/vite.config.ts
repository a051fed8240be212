import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";
import { viteSingleFile } from "vite-plugin-singlefile";
import { licences } from "./licences.ts";

/** onnxruntime's WebAssembly, compressed, as one element of the page: the worker is handed its bytes. */
function runtime(): Plugin {
  const wasm = createRequire(import.meta.url).resolve("onnxruntime-web/ort-wasm-simd-threaded.wasm");
  return {
    name: "runtime",
    transformIndexHtml: {
      order: "post",
      handler: () => [
        {
          tag: "script",
          attrs: { type: "application/gzip", id: "vaelab-runtime" },
          children: gzipSync(readFileSync(wasm), { level: 9 }).toString("base64"),
          injectTo: "body",
        },
      ],
    },
  };
}

/**
 * Adapts onnxruntime to a classic worker without files beside it. A page opened from disk may not start a module worker
 * from its own text, and the address of the WebAssembly would make the bundler put a second copy of it into the page.
 */
function classicRuntime(): Plugin {
  return {
    name: "classic-runtime",
    enforce: "pre",
    transform: (code, id) =>
      id.includes("onnxruntime-web")
        ? code
            .replaceAll(/new URL\("ort-wasm-simd-threaded\.wasm",\s*import\.meta\.url\)\.href/g, '""')
            .replaceAll("import.meta.url", "self.location.href")
        : null,
  };
}

export default defineConfig({
  plugins: [svelte(), licences(), viteSingleFile(), runtime()],
  worker: { format: "iife", plugins: () => [classicRuntime()] },
  build: {
    outDir: "../src/vaelab/explorer/built",
    emptyOutDir: true,
    target: "es2022",
    rollupOptions: { input: "page.html" },
  },
});
