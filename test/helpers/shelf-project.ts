import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { writeProject } from "./trivial-project.ts";

export const SHELF_PROVIDER = path.resolve(import.meta.dirname, "../doubles/shelf");

/** A folder whose files are the resources of a shelf project. */
export interface Shelf {
  folder: string;
  /** Calls of the provider so far, by kind: `{read: 3, diff: 1}`. */
  calls(): Record<string, number>;
  forgetCalls(): void;
  /** Puts something else onto the shelf, behind Pulumi's back. */
  put(item: string, content: { text: unknown; touched?: number; sealed?: boolean }): void;
}

/** Makes a shelf in a folder. */
export function openShelf(folder: string): Shelf {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, "calls");
  return {
    folder,
    calls: () => {
      const counts: Record<string, number> = {};
      const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").filter(Boolean) : [];
      for (const line of lines) {
        const [call = ""] = line.split(" ");
        counts[call] = (counts[call] ?? 0) + 1;
      }
      return counts;
    },
    forgetCalls: () => writeFileSync(file, ""),
    put: (item, { touched = 0, ...content }) =>
      writeFileSync(path.join(folder, `${item}.json`), JSON.stringify({ touched, ...content })),
  };
}

/** Writes a project whose program puts items onto a shelf; the text of those in `sealed` is a secret. */
export function writeShelfProject(
  folder: string,
  name: string,
  {
    shelf,
    items,
    sealed = [],
    provider = SHELF_PROVIDER,
  }: {
    shelf: Shelf;
    items: Readonly<Record<string, string>>;
    sealed?: readonly string[];
    provider?: string;
  },
): string {
  return writeProject(folder, name, {
    "Pulumi.yaml": `name: ${name}
runtime:
  name: nodejs
  options:
    typescript: false
plugins:
  providers:
    - name: shelf
      path: ${provider}
`,
    "index.js": `import pulumi from "@pulumi/pulumi";
class Item extends pulumi.CustomResource {
  constructor(name, inputs) { super("shelf:index:Item", name, inputs); }
}
const sealed = ${JSON.stringify(sealed)};
for (const [name, text] of Object.entries(${JSON.stringify(items)})) {
  new Item(name, { shelf: ${JSON.stringify(shelf.folder)}, text: sealed.includes(name) ? pulumi.secret(text) : text });
}
`,
    "slipway.yaml": "gates: []\n",
  });
}
