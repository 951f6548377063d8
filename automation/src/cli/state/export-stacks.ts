import { randomUUID } from "node:crypto";
import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { SlipwayError, systemCode } from "../../errors.ts";
import { isAbsent, membersOf, rawText, wholeValue } from "../../state/journal/raw-json.ts";
import { failureOf } from "../failure.ts";
import { allPages } from "../pages.ts";
import { providerLabel } from "./import-report.ts";
import type { ImportServer } from "./import-stacks.ts";
import { DIY_ORGANISATION, HISTORY_PREFIX, META_KEY, STACKS_PREFIX } from "./layout.ts";
import type { OwnPulumi } from "./own-pulumi.ts";
import { sealedWithPassphrase } from "./seal-with-passphrase.ts";
import { fetchState, fetchUpdates, type PastUpdate, type StackNames } from "./server-state.ts";

/** What became of one stack. */
export interface ExportedStack extends StackNames {
  readonly outcome: "exported" | "refused";
  readonly updates: number;
  readonly states: number;
  readonly secretsProvider: string | null;
  readonly reason: string | null;
  readonly remedy: string | null;
}

export interface ExportReport {
  readonly folder: string;
  readonly stacks: readonly ExportedStack[];
}

const NANOSECONDS_IN_SECOND = 1_000_000_000n;

/**
 * Writes stacks with their history into a folder as Pulumi's file backend keeps them. A stack is there when its own file is, which is written last: one that was
 * interrupted is not there, and is written again by the next run. With `pulumi` (and the passphrase that it knows) stacks whose secrets Slipway has sealed are
 * written too. A stack that is there is refused and stays as it is.
 */
export async function exportStacks(
  server: ImportServer,
  {
    folder,
    organisation,
    only,
    pulumi,
  }: { folder: string; organisation: string; only: StackNames | null; pulumi: OwnPulumi | null },
  signal: AbortSignal,
): Promise<ExportReport> {
  const chosen =
    only === null
      ? (await allPages((page) => server.client.listStacks({ query: { organisation, ...page } }))).map(
          ({ project, name }): StackNames => ({ organisation, project, stack: name }),
        )
      : [only];
  if (!(await isThere(folder, META_KEY))) await put(folder, META_KEY, "version: 1\n");
  const stacks: ExportedStack[] = [];
  for (const names of chosen) {
    signal.throwIfAborted();
    stacks.push(await exportOne(server, { folder, pulumi }, names, signal));
  }
  return { folder, stacks };
}

async function exportOne(
  { connection }: ImportServer,
  { folder, pulumi }: { folder: string; pulumi: OwnPulumi | null },
  names: StackNames,
  signal: AbortSignal,
): Promise<ExportedStack> {
  const none = { updates: 0, states: 0, secretsProvider: null, reason: null, remedy: null };
  const place = `${names.project}/${names.stack}`;
  const key = `${STACKS_PREFIX}${place}.json`;
  let secretsProvider: string | null = null;
  try {
    for (const other of [key, `${key}.gz`, `${key}.zst`])
      if (await isThere(folder, other)) throw occupied(other);
    const current = await fetchState(connection, names, null, signal);
    secretsProvider = providerOf(current);
    const isSealedHere = secretsProvider === "service";
    if (isSealedHere && pulumi === null) throw sealedHere(names);
    const updates = await fetchUpdates(connection, names, signal);
    let states = 0;
    for (const update of updates) {
      const file = `${HISTORY_PREFIX}${place}/${names.stack}-${nanosecondsOf(update)}`;
      const text = await fetchState(connection, names, update.version, signal);
      // An earlier state may be sealed by Slipway's keys, which no other backend can open.
      if (providerOf(text) !== "service") {
        await put(folder, `${file}.checkpoint.json`, checkpointOf(names, text));
        states += 1;
      }
      await put(folder, `${file}.history.json`, historyOf(update));
    }
    const own =
      isSealedHere && pulumi !== null
        ? await sealedWithPassphrase(pulumi, names)
        : checkpointOf(names, current);
    if (isSealedHere) secretsProvider = "passphrase";
    await put(folder, key, own);
    return { ...names, ...none, outcome: "exported", updates: updates.length, states, secretsProvider };
  } catch (thrown) {
    if (!(thrown instanceof SlipwayError) || thrown.code === "server_unreachable") throw thrown;
    const { message, remedy } = failureOf(thrown);
    return { ...names, ...none, outcome: "refused", secretsProvider, reason: message, remedy };
  }
}

/** The text of a checkpoint file around a deployment, which keeps its bytes. */
function checkpointOf({ project, stack }: StackNames, untyped: string): string {
  const members = membersOf(wholeValue(untyped));
  const features = members.get("features");
  const deployment = members.get("deployment");
  const version = members.get("version");
  const head = isAbsent(features) ? "" : `"features":${rawText(features)},`;
  const name = JSON.stringify(`${DIY_ORGANISATION}/${project}/${stack}`);
  const latest = isAbsent(deployment) ? "" : `,"latest":${rawText(deployment)}`;
  return `{"version":${version === undefined ? 3 : rawText(version)},${head}"checkpoint":{"stack":${name}${latest}}}`;
}

const Provider = z.looseObject({
  deployment: z
    .looseObject({
      secrets_providers: z
        .looseObject({
          type: z.string().optional(),
          state: z.looseObject({ url: z.string().optional() }).nullish(),
        })
        .nullish(),
    })
    .nullish(),
});

function providerOf(untyped: string): string | null {
  const provider = Provider.parse(JSON.parse(untyped)).deployment?.secrets_providers;
  return provider == null ? null : providerLabel(provider.type || null, provider.state?.url ?? null);
}

/** An update as the file backend writes it; its config's values have the form of a stack's config file. */
function historyOf(update: PastUpdate): string {
  const { version: _, deployment: __, resourceCount: ___, config, ...rest } = update;
  return JSON.stringify({ ...rest, config: configOf(config), version: 0 });
}

const Config = z.record(
  z.string(),
  z.looseObject({
    string: z.string(),
    secret: z.boolean().default(false),
    object: z.boolean().default(false),
  }),
);

function configOf(given: unknown): Record<string, unknown> {
  const config = Config.safeParse(given ?? {});
  if (!config.success) return {};
  return Object.fromEntries(
    Object.entries(config.data).map(([key, { string, secret, object }]) => [
      key,
      object ? (JSON.parse(string) as unknown) : secret ? { secure: string } : string,
    ]),
  );
}

/** Two updates that ended in the same second still differ: by their number. */
function nanosecondsOf({ endTime, startTime, version }: PastUpdate): bigint {
  return BigInt(endTime || startTime) * NANOSECONDS_IN_SECOND + BigInt(version);
}

async function isThere(folder: string, key: string): Promise<boolean> {
  try {
    await stat(path.join(folder, key));
    return true;
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT") return false;
    throw thrown;
  }
}

/** Whole or not at all: written beside its place and moved there. States hold secrets' ciphertexts and outputs. */
async function put(folder: string, key: string, text: string): Promise<void> {
  const file = path.join(folder, key);
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const aside = `${file}.${randomUUID()}.part`;
  try {
    await writeFile(aside, text, { mode: 0o600, flush: true });
    await rename(aside, file);
  } finally {
    await rm(aside, { force: true });
  }
}

function occupied(key: string): SlipwayError {
  return new SlipwayError("conflict", `${key} is there already.`, {
    remedy: "Name an empty folder, or remove the stack there first.",
  });
}

function sealedHere({ organisation, project, stack }: StackNames): SlipwayError {
  return new SlipwayError(
    "conflict",
    "Its secrets are sealed with Slipway's keys, which no other backend has.",
    {
      remedy: `Pass --passphrase-file to seal them with a passphrase in what is written, or run \`pulumi stack change-secrets-provider passphrase --stack ${organisation}/${project}/${stack}\` in the program's folder first.`,
    },
  );
}
