import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { type Zippable, zipSync } from "fflate";
import { SlipwayError } from "../../errors.ts";
import { walkFolder } from "../walk-folder.ts";

/** A function's code as it is uploaded. */
export interface FunctionPackage {
  name: string;
  bytes: Uint8Array;
  /** Lower-case hexadecimal. */
  sha256: string;
  /** In the artifacts' bucket; the same content has the same key. */
  key: string;
}

/** Local time, as zip archives have it: the archive is the same in every time zone. */
const FIXED_TIME = new Date(1980, 0, 1);
const UNIX = 3;
const REGULAR_READABLE = 0o100644 << 16;
const NEVER_SHIPPED = [
  { pattern: /\.(test|spec)\.[cm]?[jt]sx?$/, what: "a test" },
  { pattern: /(^|\/)__tests__\//, what: "a test" },
  {
    pattern: /(^|\/)node_modules\/\.bin\//,
    what: "a program of a dependency that is needed for development",
  },
];

/**
 * Packs a function's folder: the same files make the same bytes, whenever and wherever they were built. Throws `package_invalid` for an empty folder and for one with tests or development
 * dependencies.
 */
export async function packageFunction(name: string, folder: string): Promise<FunctionPackage> {
  const files = await walkFolder(folder);
  if (files.length === 0) throw invalid(name, "has no file");
  for (const file of files) {
    const refused = NEVER_SHIPPED.find(({ pattern }) => pattern.test(file));
    if (refused !== undefined) throw invalid(name, `holds ${file}, ${refused.what}`);
  }
  const entries: Zippable = {};
  for (const file of files) entries[file] = await readFile(path.join(folder, file));
  const bytes = zipSync(entries, { mtime: FIXED_TIME, level: 6, os: UNIX, attrs: REGULAR_READABLE });
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { name, bytes, sha256, key: `artifacts/${name}/${sha256}.zip` };
}

function invalid(name: string, why: string): SlipwayError {
  return new SlipwayError("package_invalid", `The package of function ${name} ${why}.`, {
    remedy: "Let the build bundle what the function needs at run time into its folder, and nothing else.",
  });
}

/** A digest as AWS writes it. */
export function base64Of(sha256: string): string {
  return Buffer.from(sha256, "hex").toString("base64");
}
