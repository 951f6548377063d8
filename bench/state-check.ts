import { isDeepStrictEqual } from "node:util";
import { gunzipSync } from "node:zlib";
import { canonicalState } from "../test/oracle/compare.ts";
import { type Oracle, openOracle } from "../test/oracle/oracle.ts";
import type { SeenRequest } from "./counting-proxy.ts";

/** Pulumi's own replayer. Throws when it cannot be compiled: without it nothing says that the state is right. */
export async function oracleForBench(): Promise<Oracle> {
  const opened = await openOracle();
  if ("missing" in opened) throw new Error(`The state cannot be checked: ${opened.missing}.`);
  return opened;
}

/** The journal batches among requests. */
export function journalRequests(requests: readonly SeenRequest[]): SeenRequest[] {
  return requests.filter(({ method, path }) => method === "PATCH" && path.endsWith("/journalentries"));
}

/** Throws unless the state is what Pulumi's replayer makes of `base` and the journal that went over the wire. */
export async function checkAgainstOracle(
  oracle: Oracle,
  {
    base,
    requests,
    state,
    what,
  }: { base: string; requests: readonly SeenRequest[]; state: string; what: string },
): Promise<void> {
  const entries = journalRequests(requests).flatMap(({ body, status }) => {
    if (status !== 204) throw new Error(`${what}: a journal batch was answered ${status}.`);
    const unpacked = body[0] === 0x1f ? gunzipSync(body) : body;
    // Numbers of a bench's program are small: nothing is lost by parsing.
    return (JSON.parse(unpacked.toString("utf8")) as { entries: { sequenceID: number }[] }).entries;
  });
  entries.sort((a, b) => a.sequenceID - b.sequenceID);
  if (entries.length === 0) throw new Error(`${what}: no journal went over the wire.`);
  const { deployment } = JSON.parse(base) as { deployment: { resources?: unknown[] } | null };
  const isEmpty = (deployment?.resources ?? []).length === 0;
  const [answer] = await oracle.ask([{ base: isEmpty ? null : base, entries: JSON.stringify(entries) }]);
  if (answer === undefined || "error" in answer)
    throw new Error(`${what}: the oracle refuses the journal: ${answer?.error ?? "no answer"}.`);
  const [ours, theirs] = [canonicalState(JSON.parse(state)), canonicalState(answer.deployment)];
  const place = firstDifference(withoutProvider(ours), withoutProvider(theirs), "state");
  if (place !== undefined)
    throw new Error(
      `${what}: the state differs from what Pulumi's replayer makes of the journal, first at ${place}.`,
    );
}

/** Where two values differ first, as a path; undefined when they do not. */
function firstDifference(one: unknown, other: unknown, place: string): string | undefined {
  if (isDeepStrictEqual(one, other)) return undefined;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return place;
  const [a, b] = [one as Record<string, unknown>, other as Record<string, unknown>];
  const name = Object.keys({ ...a, ...b }).find((key) => !isDeepStrictEqual(a[key], b[key]));
  return name === undefined ? place : firstDifference(a[name], b[name], `${place}.${name}`);
}

/** Without resources the secrets provider is all that is left, which the oracle has no base to take from. */
function withoutProvider(state: unknown): unknown {
  const { secrets_providers: _, metadata: __, ...rest } = state as Record<string, unknown>;
  return rest;
}

interface State {
  deployment: { resources?: { urn: string; type: string; inputs?: unknown; outputs?: unknown }[] } | null;
}

/** Throws unless two states hold the same resources with the same values, whatever their order. */
export function checkSameResources(one: string, other: string, what: string): void {
  if (!isDeepStrictEqual(valuesOf(one), valuesOf(other)))
    throw new Error(`${what}: the two states hold different resources.`);
}

/** Throws unless the program's resources are all there. */
export function checkCount(state: string, count: number, what: string): void {
  const found = valuesOf(state).size;
  if (found !== count) throw new Error(`${what}: the state holds ${found} of ${count} resources.`);
}

function valuesOf(state: string): Map<string, unknown> {
  const { deployment } = JSON.parse(state) as State;
  const stashes = (deployment?.resources ?? []).filter(({ type }) => type === "pulumi:index:Stash");
  return new Map(
    stashes
      .map(({ urn, inputs, outputs }): [string, unknown] => [urn, { inputs, outputs }])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
