import { createHash, randomUUID } from "node:crypto";
import type { Actor } from "../../access/rules.ts";
import { appendAudit } from "../../audit/store.ts";
import type {
  ImportStackLine,
  ImportStateLine,
  ImportUpdateLine,
  StateImport,
} from "../../contract/state-imports.ts";
import { ImportLine } from "../../contract/state-imports.ts";
import type { Database, Transaction } from "../../database.ts";
import { withTransaction } from "../../database.ts";
import { SlipwayError } from "../../errors.ts";
import type { Keyring } from "../../secrets/keyring.ts";
import { insertStack } from "../../stacks/store.ts";
import { appendState } from "../states-store.ts";
import { runWork } from "../threads/pool.ts";
import type { CheckedCheckpoint } from "./check-checkpoint.ts";
import { standingOf } from "./rules.ts";
import * as store from "./store.ts";

/** What an import works with. */
export interface ImportDependencies {
  db: Database;
  keyring: Keyring;
  now: () => Date;
}

/** Who imports. */
export interface Importer {
  actor: Actor;
  requestId: string;
}

/** A digest as the contract writes it. */
const DIGEST_PREFIX = "sha256:";

/**
 * Imports one stack from the lines of a body: all of it, with its audit entry, in one transaction, or nothing. What was imported before from the same source is
 * answered without a change. Throws SlipwayError `conflict` when another stack has the name or the source has changed, `forbidden`, `not_found` (organisation),
 * `invalid_state`, `invalid_request` for lines that are wrong or whose digest is another.
 */
export async function importStack(
  dependencies: ImportDependencies,
  importer: Importer,
  expectedDigest: string,
  lines: AsyncIterable<string>,
): Promise<StateImport> {
  const reader = lines[Symbol.asyncIterator]();
  const first = await reader.next();
  const header = first.done === true ? undefined : parseLine(first.value);
  if (header?.type !== "stack") throw invalid("The first line must name the stack.");
  const digestHex = expectedDigest.slice(DIGEST_PREFIX.length);
  return withTransaction(dependencies.db, async (trx) => {
    const name = { organisation: header.organisation, project: header.project, stack: header.stack };
    const place = await takePlace(trx, importer, header, digestHex);
    if (place === null) return alreadyThere(trx, name);
    const digest = createHash("sha256");
    const past = new Past(trx, dependencies.keyring, place.stackId, header);
    for (let next = await reader.next(); next.done !== true; next = await reader.next()) {
      digest.update(next.value).update("\n");
      const line = parseLine(next.value);
      if (line.type === "stack") throw invalid("Only the first line names a stack.");
      if (line.type === "update") await past.addUpdate(line);
      else await past.addState(line, { importer, now: dependencies.now() });
    }
    if (digest.digest("hex") !== digestHex) {
      throw invalid("What arrived is not what was sent: its digest is another.");
    }
    const imported = past.finish();
    await store.finishImport(trx, place.stackId, {
      nextUpdate: past.nextNumber,
      tags: header.tags,
      source: header.source,
      digestHex,
      principal: importer.actor.id,
    });
    await audit(trx, importer, header, { ...imported, digest: expectedDigest }, place.projectCreated);
    return { ...name, imported: true, ...imported };
  });
}

/** A stack to import into, locked against others; null when the same was imported before. */
async function takePlace(
  trx: Transaction,
  importer: Importer,
  header: ImportStackLine,
  digest: string,
): Promise<{ stackId: string; projectCreated: boolean } | null> {
  const name = { organisation: header.organisation, project: header.project, stack: header.stack };
  await assertOrganisation(trx, importer.actor, header.organisation);
  const before = await store.findImportPlace(trx, name);
  assertAllowed(standingOf(importer.actor, header.organisation, before, digest), header);
  const project = await store.ensureProject(trx, header.organisation, header.project);
  const id = before.stack?.id ?? randomUUID();
  const isMade =
    before.stack === null &&
    (await insertStack(trx, { id, projectId: project.id, name: header.stack, tags: {} })) !== undefined;
  if (isMade) return { stackId: id, projectCreated: project.created };
  // Somebody has made it before or just now: whoever comes second sees what the first has left.
  const found = await store.findImportPlace(trx, name);
  if (found.stack === null || !(await store.lockStack(trx, found.stack.id))) throw gone(header);
  const place = await store.findImportPlace(trx, name);
  const standing = standingOf(importer.actor, header.organisation, place, digest);
  assertAllowed(standing, header);
  return standing === "imported" ? null : { stackId: found.stack.id, projectCreated: project.created };
}

async function assertOrganisation(db: Database, actor: Actor, organisation: string): Promise<void> {
  const isMember =
    actor.kind === "owner" || actor.kind === "system" || Object.hasOwn(actor.roles, organisation);
  if (isMember && (await store.organisationExists(db, organisation))) return;
  throw new SlipwayError("not_found", `There is no organisation ${organisation}.`, {
    remedy: "Name one that you belong to.",
  });
}

function assertAllowed(
  standing: ReturnType<typeof standingOf>,
  { organisation, project, stack }: ImportStackLine,
): void {
  const label = `${organisation}/${project}/${stack}`;
  switch (standing) {
    case "new":
    case "imported":
      return;
    case "forbidden":
      throw new SlipwayError("forbidden", `You may not create or change ${label}.`, {
        remedy: "Ask an admin of the organisation for the role deployer.",
      });
    case "changed":
      throw new SlipwayError("conflict", `${label} was imported before, and its source has changed since.`, {
        remedy:
          "Use the stack on Slipway only; or remove it with `pulumi stack rm --force` and import it again.",
      });
    case "occupied":
      throw new SlipwayError("conflict", `Slipway has a stack ${label} of its own.`, {
        remedy: "Rename one of the two, or import into another organisation with --organisation.",
      });
  }
}

/** The updates and states of a stack in the making. */
class Past {
  readonly #trx: Transaction;
  readonly #keyring: Keyring;
  readonly #stackId: string;
  readonly #header: ImportStackLine;
  /** Number of the next update. */
  nextNumber = 1;
  #states = 0;
  #lastConfig: ImportUpdateLine["config"] = {};
  /** The newest state: one that comes again is kept once. */
  #last: { id: string; text: string } | undefined;
  #current: CheckedCheckpoint | undefined;

  constructor(trx: Transaction, keyring: Keyring, stackId: string, header: ImportStackLine) {
    this.#trx = trx;
    this.#keyring = keyring;
    this.#stackId = stackId;
    this.#header = header;
  }

  async addUpdate(line: ImportUpdateLine): Promise<void> {
    if (this.#current !== undefined) throw invalid("The state must be the last line.");
    const { type: _, checkpoint, environment, ...facts } = line;
    const id = await this.#insert({ ...facts, principal: store.IMPORTED_PRINCIPAL, claimed: environment });
    this.#lastConfig = line.config;
    if (checkpoint !== null) await this.#keep(id, await this.#check(checkpoint));
  }

  /** The import itself is an update too: who brought the state here, and when. */
  async addState(line: ImportStateLine, by: { importer: Importer; now: Date }): Promise<void> {
    if (this.#current !== undefined) throw invalid("There must be one state.");
    const checked = await this.#check(line.checkpoint);
    this.#current = checked;
    if (checked.secretsProvider === "service") throw foreignService();
    if (checked.text === null) return;
    const at = by.now.toISOString();
    const id = await this.#insert({
      kind: "import",
      succeeded: true,
      startedAt: at,
      finishedAt: at,
      message: `Imported from ${this.#header.source}`,
      // `pulumi config refresh` reads the newest update.
      config: this.#lastConfig,
      changes: {},
      principal: by.importer.actor.id,
      claimed: {},
    });
    await this.#keep(id, checked);
  }

  /** What was imported. Throws when the state is missing. */
  finish(): Pick<StateImport, "updates" | "states" | "resources" | "secretsProvider"> {
    const current = this.#current;
    if (current === undefined) throw invalid("The state is missing.");
    const own = current.text === null ? 0 : 1;
    return {
      updates: this.nextNumber - 1 - own,
      states: this.#states,
      resources: current.resourceCount,
      secretsProvider: current.secretsProvider,
    };
  }

  async #insert(
    facts: Omit<Parameters<typeof store.insertUpdate>[1], "id" | "stackId" | "number" | "source">,
  ): Promise<string> {
    const id = randomUUID();
    await store.insertUpdate(this.#trx, {
      ...facts,
      id,
      stackId: this.#stackId,
      number: this.nextNumber,
      source: this.#header.source,
    });
    this.nextNumber += 1;
    return id;
  }

  #check(checkpoint: string): Promise<CheckedCheckpoint> {
    const { stack, project } = this.#header;
    return runWork("checkpoint", { text: checkpoint, stack, project }, checkpoint.length);
  }

  async #keep(updateId: string, { text, resourceCount }: CheckedCheckpoint): Promise<void> {
    if (text === null) return;
    if (this.#last?.text !== text) {
      const state = { stackId: this.#stackId, updateId, resourceCount, partial: false, text };
      const { id } = await appendState(this.#trx, this.#keyring, state);
      this.#states += 1;
      this.#last = { id, text };
    }
    await store.setStateOfUpdate(this.#trx, updateId, this.#last.id, resourceCount);
  }
}

async function alreadyThere(
  trx: Transaction,
  name: { organisation: string; project: string; stack: string },
): Promise<StateImport> {
  const facts = await store.importedFacts(trx, name);
  return { ...name, imported: false, ...facts };
}

async function audit(
  trx: Transaction,
  { actor, requestId }: Importer,
  { organisation, project, stack, source }: ImportStackLine,
  facts: Readonly<Record<string, unknown>>,
  projectCreated: boolean,
): Promise<void> {
  const common = { principal: actor.id, organisation, requestId };
  if (projectCreated) {
    await appendAudit(trx, { ...common, action: "project.created", subject: `${organisation}/${project}` });
  }
  await appendAudit(trx, {
    ...common,
    action: "state.imported",
    subject: `${organisation}/${project}/${stack}`,
    details: { source, ...facts },
  });
}

function parseLine(line: string): ImportLine {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw invalid("A line is not JSON.", cause);
  }
  const result = ImportLine.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw invalid(
      `A line has not the expected form: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}.`,
    );
  }
  return result.data;
}

function invalid(message: string, cause?: unknown): SlipwayError {
  return new SlipwayError("invalid_request", message, cause === undefined ? {} : { cause });
}

function gone({ organisation, project, stack }: ImportStackLine): SlipwayError {
  return new SlipwayError("conflict", `${organisation}/${project}/${stack} was changed at the same moment.`, {
    remedy: "Import it again.",
  });
}

function foreignService(): SlipwayError {
  return new SlipwayError(
    "invalid_state",
    "The secrets of this state are sealed by another server, which alone can open them.",
    {
      remedy:
        "Export it there with `pulumi stack export --show-secrets --file state.json`, and import that with `pulumi stack import` here.",
    },
  );
}
