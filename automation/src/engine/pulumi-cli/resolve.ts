import { access, constants, mkdir, readFile, realpath } from "node:fs/promises";
import { delimiter, dirname, isAbsolute, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, SlipwayError, systemCode } from "../../errors.ts";
import { tryLock } from "../../start/lock.mjs";
import { buildFromGo } from "./build-from-go.ts";
import {
  type CacheLayout,
  cacheDefect,
  cacheLayout,
  cacheUnusable,
  commitToCache,
  makeAside,
  prepareCache,
  sweepAside,
} from "./cache.ts";
import {
  type FailedWay,
  type OnProgress,
  PULUMI_VERSION,
  type PulumiInstallation,
  type PulumiSource,
} from "./installation.ts";
import { LANGUAGE_HOST_NAME, layLanguageHost } from "./lay-language-host.ts";
import { layNode } from "./lay-node.ts";
import { installOfficially, type OfficialInstaller, officialInstaller } from "./official-installer.ts";
import { readPulumiVersion, refusalOf } from "./version.ts";

const LOCK_POLL_MILLISECONDS = 500;
const PROGRESS_EVERY_MILLISECONDS = 1_000;
const AUTOMATION_DIR = resolve(import.meta.dirname, "../../..");

/** What `resolvePulumi` looks at and reports to. */
export interface ResolveOptions {
  /** PATH, HOME, XDG_CACHE_HOME and SLIPWAY_PULUMI are read; installer and compiler get the whole of it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Node 24 that runs this code; the language host is laid to run under it. */
  readonly nodePath: string;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
  /** Default: the folder that this file belongs to. Holds bin/, src/language-host/ and pulumi-cli/. */
  readonly sourceDir?: string;
  /** Default: Pulumi's own. */
  readonly installer?: OfficialInstaller;
}

interface Search extends Required<Omit<ResolveOptions, "installer">> {
  readonly installer: OfficialInstaller;
  readonly layout: CacheLayout;
  readonly failed: FailedWay[];
}

/** A CLI, not yet with its language host. */
interface Found {
  readonly path: string;
  readonly version: string;
  readonly source: PulumiSource;
}

/**
 * Finds a Pulumi CLI, or obtains one: SLIPWAY_PULUMI, PATH, the cache, the official installer, the Go module. The first
 * three need no network. Throws SlipwayError `pulumi_refused` when SLIPWAY_PULUMI names something unusable (an explicit
 * choice is never passed over), `pulumi_unavailable` with every way and its reason, `cache_unusable`; and the signal's
 * reason when aborted.
 */
export async function resolvePulumi(options: ResolveOptions): Promise<PulumiInstallation> {
  const sourceDir = options.sourceDir ?? AUTOMATION_DIR;
  const search: Search = {
    env: options.env,
    nodePath: options.nodePath,
    onProgress: options.onProgress ?? (() => {}),
    signal: options.signal ?? new AbortController().signal,
    sourceDir,
    installer: options.installer ?? officialInstaller(options.nodePath, sourceDir),
    layout: cacheLayout(options.env),
    failed: [],
  };
  search.signal.throwIfAborted();
  const found =
    (await chosen(search)) ?? (await onPath(search)) ?? (await cached(search)) ?? (await obtain(search));
  try {
    return await complete(search, found);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw cacheUnusable(search.layout, error);
  }
}

async function chosen(search: Search): Promise<Found | undefined> {
  const path = search.env.SLIPWAY_PULUMI;
  if (path === undefined || path === "") return passOver(search, "SLIPWAY_PULUMI", "not set");
  const remedy = "Set SLIPWAY_PULUMI to the absolute path of another pulumi binary, or unset it.";
  if (!isAbsolute(path)) {
    throw new SlipwayError("pulumi_refused", `SLIPWAY_PULUMI is "${path}", which is not an absolute path.`, {
      remedy,
    });
  }
  let reason: string | undefined;
  try {
    const version = await readPulumiVersion(path, search.env);
    reason = refusalOf(version);
    if (reason === undefined) return { path, version, source: "SLIPWAY_PULUMI" };
  } catch (error) {
    throw new SlipwayError("pulumi_refused", `SLIPWAY_PULUMI cannot be used: ${messageOf(error)}`, {
      cause: error,
      remedy,
    });
  }
  throw new SlipwayError("pulumi_refused", `SLIPWAY_PULUMI is ${path}, and ${reason}.`, { remedy });
}

async function onPath(search: Search): Promise<Found | undefined> {
  const path = await findProgram("pulumi", search.env.PATH);
  if (path === undefined) return passOver(search, "path", "there is no pulumi on the PATH");
  try {
    const version = await readPulumiVersion(path, search.env);
    const reason = refusalOf(version);
    if (reason === undefined) return { path, version, source: "path" };
    return passOver(search, "path", `${path} is not taken: ${reason}`);
  } catch (error) {
    return passOver(search, "path", messageOf(error));
  }
}

async function cached(search: Search): Promise<Found | undefined> {
  const { layout } = search;
  const defect = (await cacheDefect(layout)) ?? (await versionDefect(search, layout.binary));
  if (defect !== undefined) return passOver(search, "cache", defect);
  return { path: layout.binary, version: PULUMI_VERSION, source: "cache" };
}

/** Obtains a CLI into the cache under the cache's lock; whoever waited for the lock takes what the holder obtained. */
async function obtain(search: Search): Promise<Found> {
  const { layout } = search;
  await prepareCache(layout);
  const lock = await takeLock(search);
  try {
    // Another start may have filled the cache between the first look and the lock.
    search.failed.pop();
    const other = await cached(search);
    if (other !== undefined) return other;
    await sweepAside(layout);
    return (await obtainBy(search, "installer")) ?? (await obtainBy(search, "go")) ?? unavailable(search);
  } finally {
    lock.release();
  }
}

async function obtainBy(search: Search, source: "installer" | "go"): Promise<Found | undefined> {
  const { env, signal, layout, sourceDir } = search;
  const aside = await makeAside(layout);
  const report = reporter(search, source === "go" ? "build" : "install");
  try {
    if (source === "go") {
      const detail = (compiled: number) =>
        `building the Pulumi CLI from its Go module, ${compiled} packages compiled`;
      report.detail(detail(0));
      await buildFromGo(aside, sourceDir, env, signal, (compiled) => report.detail(detail(compiled)));
    } else {
      report.detail("running Pulumi's installer");
      await installOfficially(search.installer, aside, env, signal);
    }
    const defect = await versionDefect(search, join(aside, "bin", "pulumi"));
    if (defect !== undefined) return passOver(search, source, defect);
    await commitToCache(layout, aside, source);
    return { path: layout.binary, version: PULUMI_VERSION, source };
  } catch (error) {
    signal.throwIfAborted();
    return passOver(search, source, messageOf(error));
  } finally {
    report.stop();
    await sweepAside(layout);
  }
}

async function versionDefect(search: Search, path: string): Promise<string | undefined> {
  try {
    const version = await readPulumiVersion(path, search.env);
    return version === PULUMI_VERSION
      ? undefined
      : `${path} is version ${version} instead of ${PULUMI_VERSION}`;
  } catch (error) {
    return messageOf(error);
  }
}

async function takeLock(search: Search): Promise<{ release: () => void }> {
  const report = reporter(search, "wait");
  try {
    for (;;) {
      const taken = tryLock(search.layout.lock);
      if ("release" in taken) return taken;
      report.detail(`another start (process ${taken.holder}) is obtaining the Pulumi CLI`);
      await sleep(LOCK_POLL_MILLISECONDS, undefined, { signal: search.signal });
    }
  } finally {
    report.stop();
  }
}

/** Adds what a CLI needs to run Node programs, unless it brings it along. */
async function complete(search: Search, found: Found): Promise<PulumiInstallation> {
  const { layout, sourceDir } = search;
  search.onProgress("language-host", "preparing the Node language host");
  const beside = dirname(await realpath(found.path));
  const bundled = await isForeignHost(join(beside, LANGUAGE_HOST_NAME), layout.root);
  const elsewhere = bundled ? undefined : await findProgram(LANGUAGE_HOST_NAME, search.env.PATH);
  const nodePath = await layNode(layout.root, search.nodePath);
  const common = { ...found, nodePath, passedOver: search.failed };
  if (bundled) return { ...common, languageHost: "bundled", languageHostDir: undefined };
  if (elsewhere !== undefined && (await isForeignHost(elsewhere, layout.root))) {
    return { ...common, languageHost: "bundled", languageHostDir: dirname(elsewhere) };
  }
  const inCache = found.path === layout.binary;
  const binDir = inCache ? dirname(layout.binary) : layout.launchers;
  await mkdir(binDir, { recursive: true });
  await layLanguageHost({ sourceDir, root: layout.root, binDir, nodePath });
  return { ...common, languageHost: "own", languageHostDir: inCache ? undefined : binDir };
}

/** True for a language host that Slipway did not lay. A launcher of ours is laid again, since it may be an older one. */
async function isForeignHost(path: string, cacheRoot: string): Promise<boolean> {
  if (!(await isExecutable(path))) return false;
  const text = await readFile(path, { encoding: "latin1" });
  return !(text.startsWith("#!/bin/sh") && text.includes(join(cacheRoot, "language-host-")));
}

async function findProgram(name: string, path: string | undefined): Promise<string | undefined> {
  // A relative entry would depend on the folder that Slipway was started in.
  for (const folder of (path ?? "").split(delimiter).filter(isAbsolute)) {
    if (await isExecutable(join(folder, name))) return join(folder, name);
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    // Missing or not ours to run: the search goes on.
    return false;
  }
}

function passOver(search: Search, source: PulumiSource, reason: string): undefined {
  search.failed.push({ source, reason });
  search.onProgress("look", `${WAYS[source]}: ${reason}`);
  return undefined;
}

const WAYS: Readonly<Record<PulumiSource, string>> = {
  SLIPWAY_PULUMI: "SLIPWAY_PULUMI",
  path: "PATH",
  cache: "Slipway's cache",
  installer: "Pulumi's installer",
  go: "the Go module",
};

function unavailable(search: Search): never {
  const tried = search.failed.map(({ source, reason }) => `  ${WAYS[source]}: ${reason}`).join("\n");
  throw new SlipwayError("pulumi_unavailable", `No Pulumi CLI could be found or obtained. Tried:\n${tried}`, {
    remedy:
      `Do one of these: install Pulumi ${PULUMI_VERSION} and put it on the PATH or name it in SLIPWAY_PULUMI; ` +
      "give this machine a way to get.pulumi.com; install Go 1.25 or later and give it a way to a Go module proxy " +
      `(GOPROXY); or copy ${search.layout.root} from a machine where Slipway has started.`,
    details: { tried: search.failed },
  });
}

/** Reports a long step once a second with its elapsed time, so that a person can tell waiting from hanging. */
function reporter(search: Search, step: "wait" | "install" | "build") {
  const startedAt = performance.now();
  let current = "";
  const say = () => {
    if (current === "") return;
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    search.onProgress(step, `${current}, ${seconds} s`);
  };
  const timer = setInterval(say, PROGRESS_EVERY_MILLISECONDS);
  return {
    detail(text: string) {
      const first = current === "";
      current = text;
      if (first) say();
    },
    stop: () => clearInterval(timer),
  };
}
