import { readdirSync, readFileSync } from "node:fs";
import type { Plugin } from "vite";

const here = new URL("./", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, here), "utf8").trim();

/**
 * Names the packages that the page is made of, with their licences, in a comment at its head: each page that someone
 * hands on is a copy of their code.
 */
export function licences(): Plugin {
  return {
    name: "licences",
    transformIndexHtml: {
      order: "post",
      handler: (html) => html.replace("</title>", () => `</title>\n    <!--\n${notice()}\n    -->`),
    },
  };
}

interface Package {
  version: string;
  license?: string;
  dev?: boolean;
}

/** The packages that the page needs when it runs, those with the same licence together. */
function notice(): string {
  const packages: [string, Package][] = Object.entries(JSON.parse(read("package-lock.json")).packages);
  const names = new Map<string, string[]>();
  for (const [folder, { version, license, dev }] of packages) {
    // Svelte is a compiler, and also what its components run on; the packages that it needs are for the compiler.
    if (dev && folder !== "node_modules/svelte") continue;
    const name = folder.replace(/^.*node_modules\//, "");
    if (!name || /@types\/|-types$/.test(name)) continue;
    const text = licence(folder, name) ?? `Licence ${license}; the package has no text of it.`;
    names.set(text, [...(names.get(text) ?? []), `${name} ${version}`]);
  }
  const parts = [...names].map(([text, of]) => `${of.join(", ")}\n\n${text}`);
  // What would end the comment is written apart.
  return ["This page is made of the packages below.", ...parts].join("\n\n\n").replaceAll(/-(?=!?>)/g, "- ");
}

/** The text in the package, otherwise the one kept here, by the start of its name. */
function licence(folder: string, name: string): string | undefined {
  const file = readdirSync(new URL(folder, here)).find((each) => /^licen[cs]e/i.test(each));
  if (file) return read(`${folder}/${file}`);
  const kept = readdirSync(new URL("licences", here)).find((each) => name.startsWith(each.replace(".txt", "")));
  return kept && read(`licences/${kept}`);
}
