import { setTimeout as pause } from "node:timers/promises";
import { FunctionHealth } from "../../contract/aws/function-health.ts";
import type { AwsManifest } from "../../contract/aws/manifest.ts";
import { messageOf } from "../../errors.ts";

const ANSWER_LIMIT_MS = 15_000;
const POLL_MS = 1_000;

/** What one function says of one slot. */
export interface SecretReader {
  slot: string;
  function: string;
  /** `right`: it holds the version that was put last. */
  state: "right" | "another" | "unreadable" | "unknown";
  detail: string;
}

/** What every function of a stack says of these slots, asked over the API as any reader is. A slot that no function speaks of has no reader. */
async function askReaders(
  { api, functions }: Pick<AwsManifest, "api" | "functions">,
  expected: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<SecretReader[]> {
  const answers = await Promise.all(
    Object.entries(functions).map(async ([name, { healthPath }]) => {
      const address = `${api.url.replace(/\/+$/, "")}${healthPath}`;
      return { name, health: await healthOf(address, signal) };
    }),
  );
  return answers.flatMap(({ name, health }) =>
    typeof health === "string"
      ? [{ slot: "", function: name, state: "unknown" as const, detail: health }]
      : health.secrets.flatMap(({ slot, state, versionId }) => {
          const wanted = expected.get(slot);
          return wanted === undefined ? [] : [judge(name, { slot, state, versionId }, wanted)];
        }),
  );
}

/**
 * Asks until every slot is read by some function and every function that reads one holds the version that was put, or until the time is over; answers what was said last, with a reader of
 * the state `unknown` for a slot that no function speaks of.
 */
export async function waitForReaders(
  manifest: Pick<AwsManifest, "api" | "functions">,
  expected: ReadonlyMap<string, string>,
  { waitMs, signal }: { waitMs: number; signal: AbortSignal },
): Promise<SecretReader[]> {
  const until = performance.now() + waitMs;
  for (;;) {
    const readers = withUnread(await askReaders(manifest, expected, signal), expected);
    if (allRead(readers) || performance.now() >= until) return readers;
    await pause(POLL_MS, undefined, { signal });
  }
}

/** Whether everybody who reads holds the right version. */
export function allRead(readers: readonly SecretReader[]): boolean {
  return readers.every(({ state }) => state === "right");
}

function withUnread(readers: SecretReader[], expected: ReadonlyMap<string, string>): SecretReader[] {
  const unread = [...expected.keys()].filter((slot) => !readers.some((reader) => reader.slot === slot));
  return [
    // What no function answered about is not known; a function that reads none of the slots may answer what it likes.
    ...readers.filter(({ slot }) => slot !== "" || unread.length > 0),
    ...unread.map((slot) => ({
      slot,
      function: "",
      state: "unknown" as const,
      detail: "no function says that it reads it",
    })),
  ];
}

function judge(
  name: string,
  { slot, state, versionId }: FunctionHealth["secrets"][number],
  wanted: string,
): SecretReader {
  if (state === "unreadable")
    return { slot, function: name, state, detail: "it may not read it, or the key" };
  if (versionId === wanted) return { slot, function: name, state: "right", detail: "reads the newest" };
  return {
    slot,
    function: name,
    state: "another",
    detail: versionId === null ? "holds none" : "holds another version",
  };
}

async function healthOf(address: string, signal: AbortSignal): Promise<FunctionHealth | string> {
  try {
    const answer = await fetch(address, {
      headers: { accept: "application/json", "cache-control": "no-cache" },
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]),
    });
    const health = FunctionHealth.safeParse(await answer.json());
    return health.success ? health.data : `its answer is no health (${answer.status})`;
  } catch (thrown) {
    signal.throwIfAborted();
    // Said as what this function answers: others may well be reached.
    return `it does not answer: ${messageOf(thrown)}`;
  }
}
