import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { access, constants, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { messageOf, SlipwayError, systemCode } from "../../errors.ts";
import { PULUMI_VERSION } from "./installation.ts";

const Receipt = z.object({ version: z.string(), source: z.enum(["installer", "go"]), sha256: z.string() });
type Receipt = z.infer<typeof Receipt>;

/** Folders of the cache that all clones of a user share. */
export interface CacheLayout {
  readonly root: string;
  /** Holds bin/ and what the binary needs; appears whole, by a rename. */
  readonly pulumi: string;
  readonly binary: string;
  readonly lock: string;
  /** Launchers for a CLI that was found elsewhere and has no language host. */
  readonly launchers: string;
}

/** Where the cache is: `$XDG_CACHE_HOME/slipway`, else `~/.cache/slipway`. A relative XDG_CACHE_HOME is ignored, as its specification asks. */
export function cacheLayout(env: Readonly<Record<string, string | undefined>>): CacheLayout {
  const xdg = env.XDG_CACHE_HOME;
  const base = xdg !== undefined && isAbsolute(xdg) ? xdg : join(env.HOME || homedir(), ".cache");
  const root = join(base, "slipway");
  const pulumi = join(root, `pulumi-${PULUMI_VERSION}`);
  return {
    root,
    pulumi,
    binary: join(pulumi, "bin", "pulumi"),
    lock: join(root, `.pulumi-${PULUMI_VERSION}.lock`),
    launchers: join(root, "launchers"),
  };
}

/** Makes the cache's folder. Throws SlipwayError `cache_unusable` when that cannot be. */
export async function prepareCache(layout: CacheLayout): Promise<void> {
  try {
    await mkdir(layout.root, { recursive: true, mode: 0o700 });
    await access(layout.root, constants.W_OK);
  } catch (error) {
    throw cacheUnusable(layout, error);
  }
}

/** The error for a cache that does not take what Slipway has to put there. */
export function cacheUnusable(layout: CacheLayout, cause: unknown): SlipwayError {
  const message = `The cache folder ${layout.root} cannot be written (${systemCode(cause) ?? messageOf(cause)}).`;
  return new SlipwayError("cache_unusable", message, {
    cause,
    remedy: "Make it writable and see that its disk has room, or set XDG_CACHE_HOME to another folder.",
  });
}

/** Why the cached CLI cannot be used, or undefined when its bytes are those that were put there. */
export async function cacheDefect(layout: CacheLayout): Promise<string | undefined> {
  let text: string;
  try {
    text = await readFile(join(layout.pulumi, "receipt.json"), "utf8");
  } catch (error) {
    const code = systemCode(error);
    return code === "ENOENT" ? `nothing at ${layout.pulumi}` : `${layout.pulumi} cannot be read (${code})`;
  }
  const receipt = Receipt.safeParse(parseJson(text));
  if (!receipt.success) return `the receipt in ${layout.pulumi} cannot be read`;
  const found = await fileDigest(layout.binary).catch(() => undefined);
  if (found === undefined) return `${layout.binary} cannot be read`;
  if (found !== receipt.data.sha256) return `${layout.binary} is not the file that was put there`;
  return undefined;
}

/** A new empty folder in the cache; whatever stays in it is removed by `sweepAside` later. */
export async function makeAside(layout: CacheLayout): Promise<string> {
  const aside = join(layout.root, `.aside-${randomUUID()}`);
  await mkdir(join(aside, "bin"), { recursive: true });
  return aside;
}

/** Removes what interrupted installations left behind. Only the holder of the lock may call it. */
export async function sweepAside(layout: CacheLayout): Promise<void> {
  for (const name of await readdir(layout.root)) {
    if (name.startsWith(".aside-")) await rm(join(layout.root, name), { recursive: true, force: true });
  }
}

/** Writes the receipt and puts a finished folder in its place, in one step. A defective one there is removed first. */
export async function commitToCache(
  layout: CacheLayout,
  aside: string,
  source: Receipt["source"],
): Promise<void> {
  const sha256 = await fileDigest(join(aside, "bin", "pulumi"));
  const receipt: Receipt = { version: PULUMI_VERSION, source, sha256 };
  await writeFile(join(aside, "receipt.json"), `${JSON.stringify(receipt)}\n`);
  await rm(layout.pulumi, { recursive: true, force: true });
  await rename(aside, layout.pulumi);
}

async function fileDigest(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest("hex");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Half-written or foreign: the caller's schema refuses it.
    return undefined;
  }
}
