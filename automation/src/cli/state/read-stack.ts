import { promisify } from "node:util";
import { gunzip, zstdDecompress } from "node:zlib";
import { z } from "zod";
import type { ImportedConfigValue, ImportUpdateLine } from "../../contract/state-imports.ts";
import { messageOf, SlipwayError } from "../../errors.ts";
import { type CheckedCheckpoint, checkCheckpoint } from "../../state/import/check-checkpoint.ts";
import type { PastUpdate, StackObjects } from "./layout.ts";
import type { StateSource } from "./source.ts";

const unpackGzip = promisify(gunzip);
const unpackZstd = promisify(zstdDecompress);
/** A packed file may not grow beyond this; states of real stacks stay far below. */
const UNPACKED_LIMIT_BYTES = 256 * 1024 * 1024;
const NANOSECONDS_IN_MILLISECOND = 1_000_000n;
const SECOND_MS = 1_000;

/** A stack of the source with its current state. */
export interface ReadStack {
  /** From the state's URNs when the layout does not say it; null when neither does. */
  readonly project: string | null;
  readonly stack: string;
  /** Text of the checkpoint file. */
  readonly checkpoint: string;
  readonly checked: CheckedCheckpoint;
  readonly tags: Readonly<Record<string, string>>;
}

/** Reads and checks a stack's own files, without its history. Throws SlipwayError `invalid_state` with the file's name. */
export async function readStack(source: StateSource, objects: StackObjects): Promise<ReadStack> {
  const checkpoint = await readText(source, objects.checkpointKey);
  const { project, stack } = objects;
  const checked = inFile(objects.checkpointKey, () => checkCheckpoint(checkpoint, { stack, project }));
  return {
    project: project ?? checked.projects[0] ?? null,
    stack,
    checkpoint,
    checked,
    tags: objects.tagsKey === null ? {} : await readTags(source, objects.tagsKey),
  };
}

const TagsFile = z.looseObject({ version: z.literal(1), tags: z.record(z.string(), z.string()).nullish() });

async function readTags(source: StateSource, key: string): Promise<Record<string, string>> {
  return (await readJson(source, key, TagsFile)).tags ?? {};
}

/** An update as the CLI writes it into a history file: sdk/go/common/apitype and pkg/backend/updates.go at 3.250.0. */
const HistoryFile = z.looseObject({
  kind: z.string(),
  startTime: z.number().default(0),
  endTime: z.number().default(0),
  message: z.string().nullish(),
  environment: z.record(z.string(), z.string()).nullish(),
  config: z.record(z.string(), z.unknown()).nullish(),
  result: z.string().nullish(),
  resourceChanges: z.record(z.string(), z.int().min(0)).nullish(),
});

const KINDS: Readonly<Record<string, ImportUpdateLine["kind"]>> = {
  update: "update",
  preview: "preview",
  refresh: "refresh",
  destroy: "destroy",
  import: "import",
  // `pulumi import` runs a program like an update does.
  "resource-import": "update",
  rename: "edit",
};

/** One update of the past, with the copy of the state that it left. A copy of another stack's time (before a rename) or that is damaged is left out and told by `onLeftOut`. */
export async function readPastUpdate(
  source: StateSource,
  past: PastUpdate,
  names: { project: string; stack: string },
  onLeftOut: (key: string, why: string) => void,
): Promise<ImportUpdateLine> {
  const entry = await readJson(source, past.historyKey, HistoryFile);
  const written = Number(past.at / NANOSECONDS_IN_MILLISECOND);
  const finished = entry.endTime > 0 ? entry.endTime * SECOND_MS : written;
  const started = entry.startTime > 0 ? entry.startTime * SECOND_MS : finished;
  let checkpoint: string | null = null;
  if (past.checkpointKey !== null) {
    const key = past.checkpointKey;
    try {
      const text = await readText(source, key);
      inFile(key, () => checkCheckpoint(text, names));
      checkpoint = text;
    } catch (thrown) {
      if (!(thrown instanceof SlipwayError) || thrown.code === "source_unreadable") throw thrown;
      onLeftOut(key, thrown.message);
    }
  }
  return {
    type: "update",
    kind: KINDS[entry.kind] ?? "update",
    succeeded: entry.result === "succeeded",
    startedAt: new Date(Math.min(started, finished)).toISOString(),
    finishedAt: new Date(finished).toISOString(),
    message: entry.message || null,
    environment: entry.environment ?? {},
    config: Object.fromEntries(
      Object.entries(entry.config ?? {}).map(([key, value]) => [key, configValue(value)]),
    ),
    changes: entry.resourceChanges ?? {},
    checkpoint,
  };
}

const SecureValue = z.strictObject({ secure: z.string() });

/** A value of a config map as Pulumi writes it: text, `{secure: ciphertext}`, or an object that may hold such. */
function configValue(value: unknown): z.infer<typeof ImportedConfigValue> {
  if (typeof value === "string") return { string: value, secret: false, object: false };
  const secure = SecureValue.safeParse(value);
  if (secure.success) return { string: secure.data.secure, secret: true, object: false };
  const text = JSON.stringify(value);
  return { string: text, secret: text.includes('"secure":'), object: true };
}

/** Who holds a stack, as its lock files say. */
export interface LockHolder {
  readonly key: string;
  readonly text: string;
}

const LockFile = z.looseObject({
  pid: z.number().optional(),
  username: z.string().default("somebody"),
  hostname: z.string().default("an unknown host"),
  timestamp: z.string().default("an unknown time"),
});

/** Reads the locks of a stack. One that cannot be read is a lock all the same; one that is gone meanwhile is none. */
export async function readLocks(source: StateSource, keys: readonly string[]): Promise<LockHolder[]> {
  const holders: LockHolder[] = [];
  for (const key of keys) {
    try {
      const { username, hostname, pid, timestamp } = await readJson(source, key, LockFile);
      const process = pid === undefined ? "" : ` (process ${pid})`;
      holders.push({ key, text: `${username}@${hostname}${process} since ${timestamp}` });
    } catch (thrown) {
      if (!(thrown instanceof SlipwayError)) throw thrown;
      if (thrown.code !== "source_object_missing") holders.push({ key, text: `somebody (${key})` });
    }
  }
  return holders;
}

async function readJson<Schema extends z.ZodType>(
  source: StateSource,
  key: string,
  schema: Schema,
): Promise<z.output<Schema>> {
  const text = await readText(source, key);
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new SlipwayError("invalid_state", `${key} is damaged.`, {
      cause,
      remedy: "Restore it from a backup, or move it away; without it that update is not imported.",
    });
  }
}

/** Text of an object, unpacked by what its bytes begin with, as Pulumi does. */
async function readText(source: StateSource, key: string): Promise<string> {
  const bytes = Buffer.from(await source.read(key));
  try {
    const clear = await unpacked(bytes);
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(clear);
  } catch (cause) {
    throw new SlipwayError("invalid_state", `${key} is damaged: ${messageOf(cause)}.`, {
      cause,
      remedy: "Restore it from a backup, such as the .bak beside it, and import again.",
    });
  }
}

function unpacked(bytes: Buffer): Promise<Buffer> {
  const options = { maxOutputLength: UNPACKED_LIMIT_BYTES };
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return unpackGzip(bytes, options);
  if (bytes.length >= 4 && bytes.readUInt32LE(0) === 0xfd2fb528) return unpackZstd(bytes, options);
  return Promise.resolve(bytes);
}

function inFile<T>(key: string, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (!(thrown instanceof SlipwayError)) throw thrown;
    throw new SlipwayError(thrown.code, `${key}: ${thrown.message}`, {
      cause: thrown,
      ...(thrown.remedy === undefined ? {} : { remedy: thrown.remedy }),
    });
  }
}
