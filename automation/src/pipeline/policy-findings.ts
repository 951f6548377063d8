import { packFindingOf, ranPacks } from "../engine/policy-events.ts";
import type { EngineOperation, RequestOutcome } from "../engine/runner-protocol.ts";
import type { Finding } from "../policies/rules.ts";
import type { AttemptRun } from "./attempt-run.ts";
import type { LaidPack, LaidPolicies, PacksSaid, UnaskedPack } from "./policy-types.ts";

/** What the engine says besides when a mandatory policy ends it. */
const ENGINE_STOPPED = /^(?:preview|update|up) failed$/;
/** How the engine begins when a pack could not do its work. */
const PACK_TROUBLE =
  /^(?:failed to run policy|validating policy config|failed to load Pulumi policy|could not (?:load|start) policy|closing transport|policy pack)/i;

/** Whether there is anything that an attempt's change must satisfy. */
export function hasPolicies({ results: { policies } }: AttemptRun): boolean {
  return policies !== undefined && (policies.set.rules.length > 0 || policies.packs.length > 0);
}

/** The packs that an engine operation runs. Those that can only report are asked before the change alone: one that throws while a rollback is under way would end it half-way. */
export function packsAskedBy(
  operation: EngineOperation,
  laid: LaidPolicies | undefined,
): readonly LaidPack[] {
  if (laid === undefined || (operation !== "preview" && operation !== "update")) return [];
  if (operation === "preview") return laid.packs;
  return laid.packs.filter(({ ruleId }) => ruleId === null || !laid.reporting.has(ruleId));
}

/** Makes ready to listen to the packs of an engine operation. */
export function listenToPacks(run: AttemptRun): PacksSaid {
  const said: PacksSaid = { findings: [], ran: new Map(), stopped: false };
  run.results.packs = said;
  return said;
}

/** Notes what an engine event says of policies. */
export function notePacks(said: PacksSaid, event: Readonly<Record<string, unknown>>): void {
  const finding = packFindingOf(event);
  if (finding !== null) said.findings.push(finding);
  for (const [folder, pack] of ranPacks(event) ?? []) said.ran.set(folder, pack);
}

/** Whether an engine ended for what policies said and for nothing else: then what it said of the resources is whole. */
export function endedByPolicies(said: PacksSaid | undefined, outcome: RequestOutcome): boolean {
  return (
    outcome.status === "failed" &&
    said?.findings.some(({ level }) => level === "mandatory") === true &&
    outcome.errors.every((error) => ENGINE_STOPPED.test(error.trim()))
  );
}

/** Whether an engine with packs ended because one of them could not do its work. */
export function endedByPackTrouble(laid: LaidPolicies | undefined, outcome: RequestOutcome): boolean {
  return (
    laid !== undefined &&
    laid.packs.length > 0 &&
    outcome.status === "failed" &&
    outcome.errors.some((error) => PACK_TROUBLE.test(error.trim()))
  );
}

/** Says in the step's output that a rollback goes on without a pack; answers the pack. */
export function tellUnasked(run: AttemptRun, step: string, pack: UnaskedPack): UnaskedPack {
  const line = `${pack.name}: ${pack.why} The rollback goes on without it: its rule is newer than the release.`;
  run.events.emit({ type: "output", step, stream: "stderr", line });
  return pack;
}

/**
 * What is left of an attempt's policies when a pack could not do its work and the engine does not say which: without those that can only report. Undefined when that is not what ended the engine, or when
 * none of them was asked.
 */
export function withoutReporting(laid: LaidPolicies, outcome: RequestOutcome): LaidPolicies | undefined {
  if (!endedByPackTrouble(laid, outcome)) return undefined;
  const { left = [], kept = [] } = Object.groupBy(laid.packs, ({ ruleId }) =>
    ruleId !== null && laid.reporting.has(ruleId) ? "left" : "kept",
  );
  if (left.length === 0) return undefined;
  const said = outcome.errors.find((error) => PACK_TROUBLE.test(error.trim()))?.trim() ?? "";
  const which = left.length === 1 ? "It" : "It, or another one of those that are as new,";
  const why = `${which} could not do its work: ${said.replace(/\.?$/, ".")}`;
  const unasked = left.flatMap(({ ruleId, name, version }) =>
    ruleId === null ? [] : [{ ruleId, name, version, why }],
  );
  return { ...laid, packs: kept, unasked: [...laid.unasked, ...unasked] };
}

/** A finding for each pack that can only report and could not be asked: silence would pass for "nothing found". */
export function findingsOfUnasked(laid: LaidPolicies, said: PacksSaid | undefined): Finding[] {
  const silent = laid.packs.flatMap(({ ruleId, path, ...pack }) =>
    ruleId !== null && laid.reporting.has(ruleId) && ranAs({ path }, said).length === 0
      ? [{ ...pack, ruleId, why: "It did not run." }]
      : [],
  );
  return [...laid.unasked, ...silent].map(({ ruleId, name, version, why }) => ({
    ruleId,
    pack: name,
    version,
    policy: "policy_unchecked",
    level: "mandatory",
    urn: null,
    message: why,
    overridable: false,
  }));
}

/** Names of packs that were laid out and did not run, and of those that cannot be told from another: of neither it is known what they would have said. */
export function unheardPacks({ packs, reporting }: LaidPolicies, said: PacksSaid | undefined): string[] {
  const seen = new Set<string>();
  return packs.flatMap((pack) => {
    const [ran, ...more] = ranAs(pack, said);
    if (ran === undefined && pack.ruleId !== null && reporting.has(pack.ruleId)) return [];
    if (ran === undefined) return [`${pack.name} did not run`];
    if (more.length > 0 || seen.has(ran.name)) return [`${pack.name} cannot be told from another pack`];
    seen.add(ran.name);
    return [];
  });
}

/** What packs said, with the rule that each finding comes from. A policy that the engine was told is advisory, because an override names it, counts as what it is. */
export function findingsOfPacks({ packs }: LaidPolicies, said: PacksSaid | undefined): Finding[] {
  const byName = new Map(packs.flatMap((pack) => ranAs(pack, said).map(({ name }) => [name, pack] as const)));
  return (said?.findings ?? []).map((finding) => {
    const pack = byName.get(finding.pack);
    const isPassedOver = pack?.passedOver.includes(finding.policy) === true && finding.level === "advisory";
    return {
      ...finding,
      level: isPassedOver ? "mandatory" : finding.level,
      ruleId: pack?.ruleId ?? null,
      overridable: pack?.overridable === true,
    };
  });
}

/** Under which names the engine says to have run a pack. It shows a long folder with its middle left out. */
export function ranAs(
  { path }: Pick<LaidPack, "path">,
  said: PacksSaid | undefined,
): { name: string; version: string }[] {
  return [...(said?.ran ?? [])].filter(([shown]) => isShownAs(path, shown)).map(([, ran]) => ran);
}

function isShownAs(path: string, shown: string): boolean {
  const [start = "", end, ...more] = shown.split("/.../");
  if (end === undefined || more.length > 0) return path === shown;
  return path.startsWith(`${start}/`) && path.endsWith(`/${end}`);
}
