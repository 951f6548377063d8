import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { SlipwayError } from "../automation/src/errors.ts";
import { elementsOf, membersOf, rawText, wholeValue } from "../automation/src/state/journal/raw-json.ts";
import { renameState } from "../automation/src/state/journal/rename.ts";
import { replayJournal } from "../automation/src/state/journal/replay.ts";
import type { Recording } from "./doubles/recording-service.ts";
import { SCENARIOS } from "./fixtures/journals/scenarios.ts";
import { canonicalState } from "./oracle/compare.ts";
import { generatedJournals } from "./oracle/generated-journals.ts";
import {
  ORACLE_BUILD_LIMIT_MS,
  type Oracle,
  type OracleAnswer,
  openOracle,
  type Question,
} from "./oracle/oracle.ts";

const FIXTURES = join(import.meta.dirname, "fixtures", "journals");
const META = { manifestTime: "2026-01-01T00:00:00Z", cliVersion: "v3.250.0" };

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
      const renamed = renameState(state, from, to);
      expect(renamed).not.toContain("urn:pulumi:dev::stage::");
      expect(withoutSecretsProvider(canonicalState(JSON.parse(renamed)))).toEqual(
        withoutSecretsProvider(compared(answers[index])),
      );
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

/** Pulumi's rename leaves the secrets provider to the service. */
function withoutSecretsProvider(state: unknown): unknown {
  return { ...(state as object), secrets_providers: undefined };
}
