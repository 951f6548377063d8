import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
  /** Changes parts of what is on the shelf, behind Pulumi's back. */
  edit(
    item: string,
    change: {
      text?: unknown;
      sealed?: boolean;
      inputs?: Readonly<Record<string, unknown>>;
      outputs?: Readonly<Record<string, unknown>>;
      hidden?: readonly string[];
    },
  ): void;
  /** Takes an item away, and answers how to put it back. */
  take(item: string): () => void;
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
    edit: (item, { inputs, outputs, ...change }) => {
      const place = path.join(folder, `${item}.json`);
      const now = JSON.parse(readFileSync(place, "utf8")) as Record<string, Record<string, unknown>>;
      const after = {
        ...now,
        ...change,
        inputs: { ...now.inputs, ...inputs },
        outputs: { ...now.outputs, ...outputs },
      };
      writeFileSync(place, JSON.stringify(after));
    },
    take: (item) => {
      const place = path.join(folder, `${item}.json`);
      const content = readFileSync(place);
      rmSync(place);
      return () => writeFileSync(place, content);
    },
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
    inputs = {},
    provider = SHELF_PROVIDER,
  }: {
    shelf: Shelf;
    items: Readonly<Record<string, string>>;
    /** More inputs, by item. */
    inputs?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
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
const inputs = ${JSON.stringify(inputs)};
for (const [name, text] of Object.entries(${JSON.stringify(items)})) {
  new Item(name, { shelf: ${JSON.stringify(shelf.folder)}, text: sealed.includes(name) ? pulumi.secret(text) : text, ...inputs[name] });
}
`,
    "slipway.yaml": "gates: []\n",
  });
}
