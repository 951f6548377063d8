import { z } from "zod";
import type { PolicyFinding } from "../contract/policies.ts";

/*
 * What policy packs say, in the parts of Pulumi's apitype.EngineEvent that anybody here reads. Source: sdk/go/common/apitype/events.go at 3.250.0.
 */
type RawEvent = Readonly<Record<string, unknown>>;

const NAMES = ["resourceUrn", "policyName", "policyPackName", "policyPackVersion"] as const;

/** What is left of an event of a policy; null when it is none that anybody reads. Of a remediation only the names of the properties that it changed: its values are those of the program, secrets among them. */
export function slimPolicyEvent(raw: RawEvent): Record<string, unknown> | null {
  const { policyEvent, policyRemediationEvent } = raw;
  if (isObject(policyEvent)) {
    return { policyEvent: pick(policyEvent, [...NAMES, "message", "enforcementLevel"]) };
  }
  if (!isObject(policyRemediationEvent)) return null;
  const { before, after } = policyRemediationEvent;
  return {
    policyRemediationEvent: { ...pick(policyRemediationEvent, NAMES), changed: changedNames(before, after) },
  };
}

const Names = z.object({
  resourceUrn: z.string().nullish(),
  policyName: z.string(),
  policyPackName: z.string(),
  policyPackVersion: z.string().nullish(),
});
const Violation = Names.extend({ message: z.string().default(""), enforcementLevel: z.string() });
const Remediation = Names.extend({ changed: z.array(z.string()).default([]) });

/** What a slim event of a policy says; null for all other events. A level that nobody here knows counts as mandatory. */
export function packFindingOf(event: RawEvent): PolicyFinding | null {
  const violation = Violation.safeParse(event.policyEvent);
  if (violation.success) {
    const { message, enforcementLevel } = violation.data;
    const level = enforcementLevel === "advisory" ? "advisory" : "mandatory";
    return { ...named(violation.data), level, message: message.trim() };
  }
  const remediation = Remediation.safeParse(event.policyRemediationEvent);
  if (!remediation.success) return null;
  const { changed } = remediation.data;
  const what = changed.length === 0 ? "nothing" : changed.join(", ");
  return { ...named(remediation.data), level: "remediate", message: `changed ${what}` };
}

const Packs = z.record(z.string(), z.string());

/** The packs that a summary says have run: by folder, with the name that each gives itself. Null for all other events. */
export function ranPacks(event: RawEvent): Map<string, { name: string; version: string }> | null {
  const { summaryEvent } = event;
  if (!isObject(summaryEvent)) return null;
  const packs = Packs.safeParse(summaryEvent.PolicyPacks ?? {});
  if (!packs.success) return new Map();
  return new Map(
    Object.entries(packs.data).flatMap(([key, version]) => {
      const at = key.indexOf(LOCAL);
      return at < 0 ? [] : [[key.slice(at + LOCAL.length), { name: key.slice(0, at), version }] as const];
    }),
  );
}

/** How the engine names a pack that was given as a folder: `<name>|local|<folder>`. */
const LOCAL = "|local|";

function named(names: z.infer<typeof Names>): Pick<PolicyFinding, "pack" | "version" | "policy" | "urn"> {
  return {
    pack: names.policyPackName,
    version: names.policyPackVersion || null,
    policy: names.policyName,
    urn: names.resourceUrn || null,
  };
}

function changedNames(before: unknown, after: unknown): string[] {
  const [old, now] = [isObject(before) ? before : {}, isObject(after) ? after : {}];
  return [...new Set([...Object.keys(old), ...Object.keys(now)])]
    .filter((name) => !isSame(old[name], now[name]))
    .sort();
}

/** A value that was secret and is not any more has changed too: it would be in the state in clear. */
function isSame(before: unknown, after: unknown): boolean {
  return JSON.stringify(before) === JSON.stringify(after);
}

function pick(from: RawEvent, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]]),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
