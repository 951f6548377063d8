import { parse } from "yaml";
import { z } from "zod";
import type { Connection } from "../../client/call.ts";
import type { Client } from "../../client/index.ts";
import type { ImportLine, ImportStanding } from "../../contract/state-imports.ts";
import { SlipwayError } from "../../errors.ts";
import { failureOf, usageError } from "../failure.ts";
import { type ImportOutcome, type ImportReport, providerLabel, type StackReport } from "./import-report.ts";
import {
  HISTORY_PREFIX,
  LOCKS_PREFIX,
  META_KEY,
  STACKS_PREFIX,
  type StackObjects,
  stacksAmong,
  strangersAmong,
} from "./layout.ts";
import { packStack } from "./pack-stack.ts";
import { type ReadStack, readLocks, readPastUpdate, readStack } from "./read-stack.ts";
import { askStanding, sendImport } from "./send-import.ts";
import type { StateSource } from "./source.ts";
import { isPassphraseOf } from "./verify-passphrase.ts";

/** What is to be imported, and how. */
export interface ImportChoice {
  readonly organisation: string;
  readonly project: string | null;
  readonly stack: string | null;
  readonly dryRun: boolean;
  /** Import stacks that somebody holds a lock of. */
  readonly force: boolean;
  /** Passphrase that every passphrase stack must have; null: not verified. */
  readonly passphrase: string | null;
}

/** Who is told what is being done. */
export type OnStack = (label: string) => void;

/** The server that takes the stacks. */
export interface ImportServer {
  readonly client: Client;
  readonly connection: Connection;
}

/**
 * Imports the chosen stacks of a source, one after the other, each whole or not at all. One that is refused does not keep the others back. Throws only when the
 * source as a whole cannot be read, or the server does not answer; what was imported by then stays, and is found by the next run.
 */
export async function importStacks(
  source: StateSource,
  server: ImportServer,
  choice: ImportChoice,
  { signal, onStack }: { signal: AbortSignal; onStack: OnStack },
): Promise<ImportReport> {
  const { stacks, strangers } = await findStacks(source);
  const reports: StackReport[] = [];
  for (const objects of stacks) {
    signal.throwIfAborted();
    if (choice.stack !== null && objects.stack !== choice.stack) continue;
    if (choice.project !== null && objects.project !== null && objects.project !== choice.project) continue;
    onStack(`${objects.project ?? "?"}/${objects.stack}`);
    const report = await importOne(source, server, choice, objects, signal);
    if (report !== null) reports.push(report);
  }
  if (choice.project === null && choice.stack === null) reports.push(...strangers.map(strangerReport));
  return { source: source.label, organisation: choice.organisation, dryRun: choice.dryRun, stacks: reports };
}

const Meta = z.looseObject({ version: z.int() });

async function findStacks(source: StateSource): Promise<{ stacks: StackObjects[]; strangers: string[] }> {
  const objects = [
    ...(await source.list(STACKS_PREFIX)),
    ...(await source.list(HISTORY_PREFIX)),
    ...(await source.list(LOCKS_PREFIX)),
  ];
  const version = await metaVersion(source);
  if (version !== null && version > 1)
    throw new SlipwayError(
      "invalid_state",
      `${source.label} has the layout ${version}, which is newer than this program.`,
      {
        remedy: "Update Slipway.",
      },
    );
  const legacy = version !== 1;
  const stacks = stacksAmong(objects, { legacy });
  const strangers = strangersAmong(objects, { legacy });
  if (stacks.length === 0 && strangers.length === 0)
    throw usageError(
      `There is no stack in ${source.label}.`,
      "Name the folder or bucket that holds .pulumi, as in `pulumi login`.",
    );
  return { stacks, strangers };
}

/** Null: there is no such file, as in backends from before projects. */
async function metaVersion(source: StateSource): Promise<number | null> {
  let text: string;
  try {
    text = Buffer.from(await source.read(META_KEY)).toString("utf8");
  } catch (thrown) {
    if (thrown instanceof SlipwayError && thrown.code === "source_object_missing") return null;
    throw thrown;
  }
  try {
    return Meta.parse(parse(text)).version;
  } catch (cause) {
    throw new SlipwayError("invalid_state", `${META_KEY} of ${source.label} is damaged.`, {
      cause,
      remedy: 'Write "version: 1" into it when the stacks lie in folders by project.',
    });
  }
}

async function importOne(
  source: StateSource,
  server: ImportServer,
  choice: ImportChoice,
  objects: StackObjects,
  signal: AbortSignal,
): Promise<StackReport | null> {
  const notes: string[] = [];
  let read: ReadStack | undefined;
  const facts = () => ({
    project: read?.project ?? objects.project,
    stack: objects.stack,
    updates: objects.history.length,
    states: objects.history.filter((one) => one.checkpointKey !== null).length,
    resources: read?.checked.resourceCount ?? 0,
    secretsProvider: providerLabel(read?.checked.secretsProvider ?? null, read?.checked.secretsUrl ?? null),
    notes,
  });
  try {
    read = await readStack(source, objects);
    const { project, stack } = read;
    if (project !== null && choice.project !== null && project !== choice.project) return null;
    if (project === null) throw nameless(objects);
    await refuseLocked(source, objects, choice, notes);
    await checkSecrets(read, choice, notes);
    notes.push(...referenceNotes(read, choice.organisation));
    const header = {
      type: "stack" as const,
      organisation: choice.organisation,
      project,
      stack,
      source: source.label,
      tags: read.tags,
    };
    const packed = await packStack(header, linesOf(source, objects, { ...read, project }, notes));
    const standing = await askStanding(
      server.client,
      choice.organisation,
      { project, stack, digest: packed.digest },
      signal,
    );
    const outcome = await act(standing);
    return { ...facts(), outcome, reason: null, remedy: null };

    async function act(where: ImportStanding): Promise<ImportOutcome> {
      if (where === "imported") return "already there";
      if (choice.dryRun) {
        if (where === "new") return "would be imported";
        throw refusedStanding(where);
      }
      // What it refuses the server says in its own words.
      return (await sendImport(server.connection, packed, signal)).imported ? "imported" : "already there";
    }
  } catch (thrown) {
    if (!(thrown instanceof SlipwayError) || ENDS_ALL.has(thrown.code)) throw thrown;
    const { message, remedy } = failureOf(thrown);
    return { ...facts(), outcome: "refused", reason: message, remedy };
  }
}

/** What no other stack would fare better with. */
const ENDS_ALL: ReadonlySet<string> = new Set([
  "server_unreachable",
  "unexpected_answer",
  "unauthenticated",
  "source_unreadable",
  "not_ready",
]);

async function* linesOf(
  source: StateSource,
  objects: StackObjects,
  { project, stack, checkpoint }: { project: string; stack: string; checkpoint: string },
  notes: string[],
): AsyncGenerator<ImportLine, void, undefined> {
  let leftOut = 0;
  for (const past of objects.history) {
    yield await readPastUpdate(source, past, { project, stack }, () => {
      leftOut += 1;
    });
  }
  if (leftOut > 0) notes.push(`${leftOut} earlier states are damaged or another stack's, and left out`);
  yield { type: "state", checkpoint };
}

async function refuseLocked(
  source: StateSource,
  objects: StackObjects,
  { force }: ImportChoice,
  notes: string[],
): Promise<void> {
  const holders = await readLocks(source, objects.lockKeys);
  if (holders.length === 0) return;
  const who = holders.map((one) => one.text).join(", ");
  if (!force)
    throw new SlipwayError("conflict", `It is locked by ${who}.`, {
      remedy: "Wait until that run has ended; when it is dead, run `pulumi cancel` there, or pass --force.",
    });
  notes.push(`imported although locked by ${who}`);
}

async function checkSecrets(
  { checked }: ReadStack,
  { passphrase }: ImportChoice,
  notes: string[],
): Promise<void> {
  if (checked.secretsProvider === "service")
    throw new SlipwayError(
      "invalid_state",
      "Its secrets are sealed by another server, which alone can open them.",
      {
        remedy:
          "Export it there with `pulumi stack export --show-secrets --file state.json`, and import that with `pulumi stack import` on Slipway.",
      },
    );
  if (checked.secretsProvider !== "passphrase") return;
  if (checked.encryptionSalt === null)
    throw new SlipwayError("invalid_state", "The salt of its passphrase is missing in the state.", {
      remedy: "Restore the stack's file from a backup.",
    });
  if (passphrase === null) {
    notes.push("keeps its passphrase, which was not verified (--passphrase-file)");
    return;
  }
  if (!(await isPassphraseOf(checked.encryptionSalt, passphrase)))
    throw new SlipwayError("wrong_passphrase", "The passphrase does not open its secrets.", {
      remedy:
        "Name the file that holds the stack's own passphrase; import stacks with other passphrases by --stack.",
    });
  notes.push("keeps its passphrase, which is the right one");
}

/** A program that reads another stack by its full name names the backend's one organisation. */
function referenceNotes({ checked }: ReadStack, organisation: string): string[] {
  return checked.references
    .filter((name) => name.startsWith("organization/") && organisation !== "organization")
    .map((name) => `its program reads ${name}: write ${name.replace(/^organization/, organisation)}`);
}

function strangerReport(key: string): StackReport {
  return {
    project: null,
    stack: key,
    outcome: "refused",
    updates: 0,
    states: 0,
    resources: 0,
    secretsProvider: null,
    reason: "It lies where this layout keeps no stacks.",
    remedy: "Run `pulumi state upgrade` on the backend, which moves stacks below their projects.",
    notes: [],
  };
}

function nameless({ checkpointKey }: StackObjects): SlipwayError {
  return new SlipwayError("invalid_state", `${checkpointKey} does not say which project it belongs to.`, {
    remedy:
      "It is of the layout without projects and has no resources: run `pulumi state upgrade` on the backend, or remove it.",
  });
}

function refusedStanding(standing: Exclude<ImportStanding, "new" | "imported">): SlipwayError {
  const why = {
    changed: "It was imported before, and its source has changed since.",
    occupied: "Slipway has a stack of that name of its own.",
    forbidden: "You may not create or change it on Slipway.",
  }[standing];
  return new SlipwayError("conflict", why, { remedy: "Run the import without --dry-run for what helps." });
}
