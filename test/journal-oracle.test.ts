import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { SlipwayError } from "../automation/src/errors.ts";
import { checkState } from "../automation/src/state/journal/check-state.ts";
import { factsOf } from "../automation/src/state/journal/facts.ts";
import {
  elementsOf,
  membersOf,
  type Raw,
  rawText,
  wholeValue,
} from "../automation/src/state/journal/raw-json.ts";
import { renameState } from "../automation/src/state/journal/rename.ts";
import { replayJournal } from "../automation/src/state/journal/replay.ts";
import type { Recording } from "./doubles/recording-service.ts";
import { SCENARIOS } from "./fixtures/journals/scenarios.ts";
import { canonicalState } from "./oracle/compare.ts";
import { generatedJournals } from "./oracle/generated-journals.ts";
import { HAND_MADE } from "./oracle/hand-made-journals.ts";
import {
  ORACLE_BUILD_LIMIT_MS,
  type Oracle,
  type OracleAnswer,
  openOracle,
  type Question,
} from "./oracle/oracle.ts";

const FIXTURES = join(import.meta.dirname, "fixtures", "journals");
const META = { manifestTime: "2026-01-01T00:00:00Z", cliVersion: "v3.250.0" };
/** As for the end of an update, which always leaves a state. */
const LENIENT = { ...META, onProblem: "skip" } as const;

let oracle: Oracle | undefined;
let missing = "";

beforeAll(async () => {
  const opened = await openOracle();
  if ("ask" in opened) oracle = opened;
  else missing = opened.missing;
  if (oracle === undefined && process.env.CI === "true") throw new Error(missing);
}, ORACLE_BUILD_LIMIT_MS);

/** Skips the test, with the reason, on a machine that cannot compile the oracle. */
function needOracle(skip: (reason: string) => void): Oracle {
  if (oracle === undefined) skip(missing);
  if (oracle === undefined) throw new Error(missing);
  return oracle;
}

interface Recorded {
  scenario: string;
  cli: string;
  recordings: Recording[];
}

const RECORDED: Recorded[] = readdirSync(FIXTURES)
  .filter((name) => name.endsWith(".json.gz"))
  .map((name) => JSON.parse(gunzipSync(readFileSync(join(FIXTURES, name))).toString("utf8")) as Recorded);

/** The entries of a recording, one text each, in the order of their sequence. */
function entriesOf({ batches }: Recording): string[] {
  const entries = batches.flatMap((batch) => elementsOf(wholeValue(batch)));
  const sequence = (entry: (typeof entries)[number]) =>
    Number(rawText(membersOf(entry).get("sequenceID") ?? entry));
  return entries.sort((a, b) => sequence(a) - sequence(b)).map(rawText);
}

function list(entries: readonly string[]): string {
  return `[${entries.join(",")}]`;
}

/** Every prefix of a recording, the empty one and the whole included. */
function prefixesOf(recording: Recording): Question[] {
  const entries = entriesOf(recording);
  return Array.from({ length: entries.length + 1 }, (_, count) => ({
    base: recording.base,
    entries: list(entries.slice(0, count)),
  }));
}

/** What is compared of an answer: the state, or that there is none. */
function compared(answer: { deployment: unknown } | { error: string } | undefined): unknown {
  if (answer === undefined) return "no answer";
  return "deployment" in answer ? canonicalState(answer.deployment) : answer;
}

function replayed({ base, entries }: Question): unknown {
  return canonicalState(JSON.parse(replayJournal(base, [entries], META).text));
}

test("journals of all that a CLI does to a stack were recorded", () => {
  expect(RECORDED.map(({ scenario }) => scenario).sort()).toEqual(Object.keys(SCENARIOS).sort());
});

test.for(RECORDED)(
  "every prefix of a recorded journal replays as Pulumi does: $scenario",
  async ({ recordings }, { skip }) => {
    const questions = recordings.flatMap(prefixesOf);
    const answers = await needOracle(skip).ask(questions);
    expect(questions.length).toBeGreaterThan(recordings.length);
    for (const [index, question] of questions.entries()) {
      expect(replayed(question), `prefix ${index}: ${question.entries.slice(-300)}`).toEqual(
        compared(answers[index]),
      );
    }
  },
);

test.for(RECORDED)(
  "a recorded state is renamed as Pulumi does: $scenario",
  async ({ recordings }, { skip }) => {
    const from = { organisation: "acme", project: "stage", stack: "dev" };
    const to = { organisation: "acme", project: "shop", stack: "production" };
    const states = recordings
      .flatMap(prefixesOf)
      .map(({ base, entries }) => replayJournal(base, [entries], META).text);
    const questions = states.map((base) => ({ base, entries: "[]", rename: to }));
    const answers = await needOracle(skip).ask(questions);
    for (const [index, state] of states.entries()) {
      // Pulumi's own rename panics on it.
      if (state.includes('"replaceWith"')) continue;
      const renamed = renameState(state, from, to);
      expect(renamed).not.toContain("urn:pulumi:dev::stage::");
      expect(asPulumiRenames(canonicalState(JSON.parse(renamed)))).toEqual(
        asPulumiRenames(compared(answers[index])),
      );
    }
  },
);

test.for(Object.entries(HAND_MADE))(
  "every prefix replays as Pulumi does: %s",
  async ([, { base, entries }], { skip }) => {
    const questions = [...entries, ""].map((_, count) => ({ base, entries: list(entries.slice(0, count)) }));
    const answers = await needOracle(skip).ask(questions);
    expect(answers).toHaveLength(entries.length + 1);
    for (const [index, question] of questions.entries()) {
      expect(replayed(question), `the first ${index} entries`).toEqual(compared(answers[index]));
    }
  },
);

/** Journals that are generated in a run, and the seed from which: the same in every run, so that a failure can be looked at. */
const GENERATED = { numRuns: 3_000, seed: 20_260_101 };

test("generated journals replay as Pulumi does", async ({ skip }) => {
  const asked = needOracle(skip);
  const questions = fc.sample(generatedJournals, GENERATED).map(asQuestion);
  const answers = await asked.ask(questions);
  expect(answers.filter((answer) => "deployment" in answer).length).toBeGreaterThan(GENERATED.numRuns / 2);
  const wrong = questions.findIndex((question, index) => {
    return !isDeepStrictEqual(replayedOrRefused(question), comparedOrRefused(answers[index]));
  });
  if (wrong < 0) return;
  // Once more from the first wrong one on, one by one, to find the smallest journal that is replayed differently.
  const property = fc.asyncProperty(generatedJournals, async (journal) => {
    const question = asQuestion(journal);
    const [answer] = await asked.ask([question]);
    expect(replayedOrRefused(question)).toEqual(comparedOrRefused(answer));
  });
  await fc.assert(property, { ...GENERATED, path: String(wrong) });
  throw new Error(`generated journal ${wrong} was replayed differently, and not when asked once more`);
});

/** Where Pulumi's replayer has an error, as for an alias that two resources claim, a state is refused here too. */
const REFUSED = "refused";

function replayedOrRefused(question: Question): unknown {
  try {
    return replayed(question);
  } catch (error) {
    if (error instanceof SlipwayError && error.code === "invalid_journal") return REFUSED;
    throw error;
  }
}

function comparedOrRefused(answer: OracleAnswer | undefined): unknown {
  return answer !== undefined && "error" in answer ? REFUSED : compared(answer);
}

function asQuestion({ base, entries }: { base: string | null; entries: string[] }): Question {
  return { base, entries: list(entries) };
}

/** Pulumi's rename leaves the secrets provider to the service, and the aliases of operations as they are. */
function asPulumiRenames(state: unknown): unknown {
  const { operations } = state as { operations: string[] };
  const withoutAliases = operations.map((operation) => operation.replace(/"aliases":\[[^\]]*\],/u, ""));
  return { ...(state as object), operations: withoutAliases, secrets_providers: undefined };
}

const theSame = { numRuns: 500 };

test("entries that come twice, in other batches or in another order make the same state", () => {
  const arrivals = fc.record({
    journal: generatedJournals,
    order: fc.infiniteStream(fc.nat()),
    batchSize: fc.integer({ min: 1, max: 9 }),
  });
  const property = fc.property(arrivals, ({ journal: { base, entries }, order, batchSize }) => {
    const once = replayJournal(base, [list(entries)], LENIENT);
    const twice = [...entries, ...entries.filter((_, index) => index % 3 === 0)];
    const shuffled = twice.map((entry) => ({ entry, at: order.next().value })).sort((a, b) => a.at - b.at);
    const batches: string[] = [];
    for (let from = 0; from < shuffled.length; from += batchSize) {
      batches.push(list(shuffled.slice(from, from + batchSize).map(({ entry }) => entry)));
    }
    expect(replayJournal(base, batches, LENIENT)).toEqual(once);
  });
  fc.assert(property, theSame);
});

test("whatever of a journal is there when an update ends makes a state that can be read, renamed and begun with", () => {
  const property = fc.property(generatedJournals, fc.nat(), ({ base, entries }, cut) => {
    const prefix = entries.slice(0, cut % (entries.length + 1));
    const { text, resourceCount, problems } = replayJournal(base, [list(prefix)], LENIENT);
    expect(problems.every(({ sequence }) => sequence === undefined)).toBe(true);
    expect(checkState(text).resourceCount).toBe(resourceCount);
    expect(factsOf(text).resourceCount).toBe(resourceCount);
    const names = { organisation: "acme", project: "shop", stack: "dev" };
    const other = { organisation: "acme", project: "shop", stack: "other" };
    expect(renameState(renameState(text, names, other), other, names)).toBe(text);
  });
  fc.assert(property, theSame);
});

test("resources keep their bytes, but for the members that the journal changes", () => {
  const property = fc.property(generatedJournals, ({ base, entries }) => {
    const { text } = replayJournal(base, [list(entries)], LENIENT);
    const sources = new Set(
      [base ?? "", ...entries].flatMap((source) => (source === "" ? [] : resourcesIn(source))),
    );
    for (const resource of resourcesIn(text)) {
      if (sources.has(resource)) continue;
      expect([...sources].some((source) => unchangedOf(source) === unchangedOf(resource))).toBe(true);
    }
  });
  fc.assert(property, theSame);
});

/** Members of a resource that a replay may change, among them those that name another resource. */
const CHANGED = [
  "urn delete pendingReplacement dependencies propertyDependencies deletedWith replaceWith parent provider viewOf",
  "aliases",
].flatMap((names) => names.split(" "));

/** The text of a resource without what a replay may change, member by member. */
function unchangedOf(resource: string): string {
  const members = [...membersOf(wholeValue(resource))].filter(([name]) => !CHANGED.includes(name));
  return members.map(([name, value]) => `${name}:${rawText(value)}`).join("\n");
}

/** The texts of all resources in a state or an entry, at whatever depth. */
function resourcesIn(source: string): string[] {
  const found: string[] = [];
  const visit = (value: Raw) => {
    const [first] = rawText(value);
    if (first === "[") elementsOf(value).forEach(visit);
    if (first !== "{") return;
    const members = membersOf(value);
    if (members.has("urn") && members.has("custom")) found.push(rawText(value));
    else for (const [name, member] of members) if (name !== "snippets") visit(member);
  };
  visit(wholeValue(source));
  return found;
}

test("the comparison sees a replay that is wrong", async ({ skip }) => {
  const questions = RECORDED.flatMap(({ recordings }) => recordings).map((recording) => ({
    base: recording.base,
    entries: list(entriesOf(recording)),
  }));
  const answers = await needOracle(skip).ask(questions);
  const seen = (wrong: (entries: string) => string) => {
    const pairs = questions.map(
      ({ base, entries }, index) => [{ base, entries: wrong(entries) }, answers[index]] as const,
    );
    return pairs.filter(([question, answer]) => !isDeepStrictEqual(replayed(question), compared(answer)))
      .length;
  };
  expect(seen((entries) => entries)).toBe(0);
  expect(seen((entries) => entries.replaceAll('"removeOld":', '"was":'))).toBeGreaterThan(20);
  for (const lost of ["deleteOld", "removeNew", "operation", "isRefresh", "pendingReplacementOld"]) {
    expect(
      seen((entries) => entries.replaceAll(`"${lost}":`, '"was":')),
      lost,
    ).toBeGreaterThan(0);
  }
});

test("a lost resource leaves no reference by replaceWith, where Pulumi's replayer leaves a state that Pulumi refuses", async ({
  skip,
}) => {
  const urn = (name: string) => `urn:pulumi:dev::shop::a:b:C::${name}`;
  const resource = (name: string, more = {}) => ({
    urn: urn(name),
    custom: true,
    id: name,
    type: "a:b:C",
    ...more,
  });
  const resources = [resource("first"), resource("gone"), resource("left", { replaceWith: [urn("gone")] })];
  const question = {
    base: JSON.stringify({
      version: 3,
      deployment: { manifest: { time: META.manifestTime, magic: "", version: "" }, resources },
    }),
    entries: JSON.stringify([
      { version: 1, kind: 3, sequenceID: 1, operationID: 1, removeOld: 1, removeNew: null, isRefresh: true },
    ]),
  };
  const [answer] = await needOracle(skip).ask([question]);
  const rest = [resource("first"), resource("left")];
  expect(replayed(question)).toMatchObject({ resources: rest });
  expect(JSON.stringify(replayed(question))).not.toContain(urn("gone"));
  // When this fails Pulumi does it right: generate replaceWith with refreshes too, and compare.
  expect(compared(answer)).toMatchObject({
    resources: [
      { ...resource("first"), replaceWith: [""] },
      resource("left", { replaceWith: [urn("gone")] }),
    ],
  });
});
