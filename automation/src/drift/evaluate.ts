import type { DriftAlertEnd, DriftAlertKind, DriftedResource, DriftQuiet } from "../contract/drift.ts";
import type { IgnoreRule } from "./ignore-rules.ts";
import { coveredBy, isInForce } from "./ignore-rules.ts";
import { countDrift, isTooMuchGone, SECOND_READ_AFTER_MS } from "./rules.ts";

/** One property that differs. */
export interface FoundChange {
  path: string;
  side: "input" | "output";
  before: string | null;
  after: string | null;
  formOnly: boolean;
  sealed: boolean;
  /** Of stack, URN, path and value. */
  fingerprint: string;
}

/** What a check read of one resource. */
export interface Finding {
  urn: string;
  resourceType: string;
  class: "same" | "gone" | "input-changed" | "output-only";
  /** Of stack and URN. */
  fingerprint: string;
  changes: readonly FoundChange[];
}

/** An alert that nothing has closed. */
export interface OpenAlert {
  id: string;
  kind: DriftAlertKind;
  fingerprint: string;
  urn: string | null;
  path: string | null;
}

/** What is known when a check ends. Times are milliseconds since 1970 by the database's clock. */
export interface Known {
  now: number;
  rules: readonly IgnoreRule[];
  /** Fingerprints of what differed right after the update. */
  baseline: ReadonlySet<string>;
  /** `<urn> <path>` of outputs that move by themselves. */
  volatile: ReadonlySet<string>;
  /** When resources were first not found. */
  missingSince: ReadonlyMap<string, number>;
  alerts: readonly OpenAlert[];
}

/** How a check looked. */
export interface Look {
  startedAt: number;
  /** Right after an update: what differs now is how things are. */
  birth: boolean;
  /** A second read looks at nothing else; null: at the whole stack. */
  scope: ReadonlySet<string> | null;
}

export interface NewAlert {
  kind: "gone" | "input-changed";
  fingerprint: string;
  urn: string;
  resourceType: string;
  change: FoundChange | null;
}

/** What a check comes to. */
export interface Evaluation {
  status: "clean" | "drifted" | "unknown";
  /** unknown: why. */
  cause: string | null;
  /** Not to be believed: nothing else of the check counts. */
  manyGone: boolean;
  resources: DriftedResource[];
  open: NewAlert[];
  /** Alerts that are still true. */
  seen: string[];
  close: { id: string; because: DriftAlertEnd; rule: string | null }[];
  /** URNs that were not found for the first time, and those that need no second read any more. */
  missing: string[];
  found: string[];
  /** birth: what to know. */
  baseline: { urn: string; path: string; fingerprint: string }[];
  matchedRules: string[];
  /** Outputs with other values. */
  moved: { urn: string; path: string; fingerprint: string }[];
}

/** Decides what the differences of one check are to people. Pure. */
export function evaluate(findings: readonly Finding[], look: Look, known: Known): Evaluation {
  const rules = known.rules.filter((rule) => isInForce(rule, known.now));
  const inScope = findings.filter(({ urn }) => look.scope === null || look.scope.has(urn));
  const judged = inScope.map((finding) => judge(finding, look, known, rules));
  const newlyGone = judged.filter(
    ({ gone, finding }) =>
      gone !== null && gone !== "ignored" && alertOf(known, finding.fingerprint) === undefined,
  );
  if (look.scope === null && isTooMuchGone(newlyGone.length, inScope.length)) {
    return tooMuchGone(newlyGone.length, inScope.length);
  }
  const resources = judged.map(({ resource }) => resource).filter((resource) => resource !== null);
  const unconfirmed = judged.filter(({ gone }) => gone === "unconfirmed");
  const loud = judged.flatMap(({ alerts }) => alerts);
  const counts = countDrift(resources);
  return {
    ...(counts.status === "clean" && unconfirmed.length > 0
      ? { status: "unknown", cause: unconfirmedCause(unconfirmed.map(({ finding }) => finding.urn)) }
      : { status: counts.status, cause: null }),
    manyGone: false,
    resources,
    ...alertsOf(loud, judged, look, known),
    missing: unconfirmed.map(({ finding }) => finding.urn).filter((urn) => !known.missingSince.has(urn)),
    found: [...known.missingSince.keys()].filter(
      (urn) =>
        (look.scope === null || look.scope.has(urn)) &&
        !judged.some(({ gone, finding }) => gone === "unconfirmed" && finding.urn === urn),
    ),
    baseline: judged.flatMap(({ births }) => births),
    matchedRules: [...new Set(judged.flatMap(({ matched }) => matched))],
    moved: judged.flatMap(({ finding, treated }) =>
      treated
        .filter(
          ({ change, why }) =>
            change.side === "output" && !change.sealed && why !== "form" && why !== "ignored",
        )
        .map(({ change }) => ({ urn: finding.urn, path: change.path, fingerprint: change.fingerprint })),
    ),
  };
}

interface Treated {
  change: FoundChange;
  why: DriftQuiet | null;
  rule: string | null;
}

interface Judged {
  finding: Finding;
  treated: Treated[];
  /** How it stands with a resource that was not found; null: it was. */
  gone: "confirmed" | "unconfirmed" | "ignored" | null;
  resource: DriftedResource | null;
  alerts: NewAlert[];
  births: Evaluation["baseline"];
  matched: string[];
}

function judge(finding: Finding, look: Look, known: Known, rules: readonly IgnoreRule[]): Judged {
  const { urn, resourceType, fingerprint } = finding;
  const base = { finding, treated: [], gone: null, resource: null, alerts: [], births: [], matched: [] };
  const name = urn.split("::").at(-1) ?? urn;
  const about = { urn, resourceType, name, sealedProperties: [], changedProperties: [], quietProperties: [] };
  if (finding.class === "gone") {
    const rule = coveredBy(rules, { urn, path: null });
    if (rule !== undefined) {
      const resource: DriftedResource = { ...about, class: "gone", quiet: "ignored" };
      return { ...base, gone: "ignored", resource, matched: [rule.id] };
    }
    const isConfirmed =
      alertOf(known, fingerprint) !== undefined || isSecondRead(known.missingSince.get(urn), look);
    const resource: DriftedResource = { ...about, class: "gone", quiet: isConfirmed ? null : "unconfirmed" };
    if (!isConfirmed) return { ...base, gone: "unconfirmed", resource };
    const alert: NewAlert = { kind: "gone", fingerprint, urn, resourceType, change: null };
    return { ...base, gone: "confirmed", resource, alerts: [alert] };
  }
  if (finding.changes.length === 0) return base;
  const treated = finding.changes.map((change) => treat(urn, change, look, known, rules));
  const inputs = treated.filter(({ change, why }) => why === null && change.side === "input");
  const outputs = treated.filter(({ change, why }) => why === null && change.side === "output");
  const counting = inputs.length > 0 ? inputs : outputs;
  const quiet = treated.filter(({ why }) => why !== null);
  const differs = finding.class === "same" ? "output-only" : finding.class;
  return {
    ...base,
    treated,
    resource: {
      ...about,
      class: inputs.length > 0 ? "input-changed" : outputs.length > 0 ? "output-only" : differs,
      changedProperties: pathsOf(counting),
      sealedProperties: pathsOf(counting.filter(({ change }) => change.sealed)),
      quietProperties: quiet.flatMap(({ change, why }) => (why === null ? [] : [{ path: change.path, why }])),
      quiet: counting.length > 0 ? null : strongest(quiet),
    },
    alerts: inputs.map(({ change }) => ({
      kind: "input-changed",
      fingerprint: change.fingerprint,
      urn,
      resourceType,
      change,
    })),
    births: look.birth
      ? treated
          .filter(({ why }) => why === "baseline")
          .map(({ change }) => ({ urn, path: change.path, fingerprint: change.fingerprint }))
      : [],
    matched: treated.flatMap(({ rule }) => (rule === null ? [] : [rule])),
  };
}

function treat(
  urn: string,
  change: FoundChange,
  look: Look,
  known: Known,
  rules: readonly IgnoreRule[],
): Treated {
  if (change.formOnly) return { change, why: "form", rule: null };
  const rule = coveredBy(rules, { urn, path: change.path });
  if (rule !== undefined) return { change, why: "ignored", rule: rule.id };
  // What was told of before the update is not how the update left it.
  const wasTold = known.alerts.some((alert) => alert.urn === urn && alert.path === change.path);
  if (known.baseline.has(change.fingerprint) || (look.birth && !wasTold))
    return { change, why: "baseline", rule: null };
  const movesByItself = change.side === "output" && known.volatile.has(`${urn} ${change.path}`);
  return { change, why: movesByItself ? "volatile" : null, rule: null };
}

function alertsOf(
  loud: readonly NewAlert[],
  judged: readonly Judged[],
  look: Look,
  known: Known,
): Pick<Evaluation, "open" | "seen" | "close"> {
  const now = new Map(loud.map((alert) => [alert.fingerprint, alert]));
  const seen: string[] = [];
  const close: Evaluation["close"] = [];
  for (const alert of known.alerts) {
    if (alert.urn === null) {
      // The whole stack could be read: that is the end of an alert that it could not.
      if (look.scope === null) close.push({ id: alert.id, because: "checked", rule: null });
    } else if (now.has(alert.fingerprint)) {
      seen.push(alert.id);
    } else if (look.scope === null || look.scope.has(alert.urn)) {
      close.push({ id: alert.id, ...whyClosed(alert, loud, judged) });
    }
  }
  const open = [...now.values()].filter(({ fingerprint }) => alertOf(known, fingerprint) === undefined);
  return { open, seen, close };
}

function whyClosed(
  alert: OpenAlert,
  loud: readonly NewAlert[],
  judged: readonly Judged[],
): { because: DriftAlertEnd; rule: string | null } {
  const own = judged.find(({ finding }) => finding.urn === alert.urn);
  if (alert.kind === "gone" && own?.gone === "ignored")
    return { because: "ignored", rule: own.matched[0] ?? null };
  const treated = own?.treated.find(({ change, why }) => change.path === alert.path && why === "ignored");
  if (treated !== undefined) return { because: "ignored", rule: treated.rule };
  const hasOther = loud.some(({ urn, change }) => urn === alert.urn && change?.path === alert.path);
  return { because: hasOther && alert.path !== null ? "changed" : "resolved", rule: null };
}

function tooMuchGone(gone: number, resources: number): Evaluation {
  return {
    status: "unknown",
    cause: `${gone} of ${resources} resources were not found at once: the credentials or the region are probably others. Nothing of this check counts.`,
    manyGone: true,
    resources: [],
    ...{ open: [], seen: [], close: [], missing: [], found: [], baseline: [], matchedRules: [], moved: [] },
  };
}

function alertOf({ alerts }: Known, fingerprint: string): OpenAlert | undefined {
  return alerts.find((alert) => alert.fingerprint === fingerprint);
}

function isSecondRead(firstMissing: number | undefined, { startedAt }: Look): boolean {
  return firstMissing !== undefined && startedAt - firstMissing >= SECOND_READ_AFTER_MS;
}

function unconfirmedCause(urns: readonly string[]): string {
  const names = urns.slice(0, 5).map((urn) => urn.split("::").at(-1) ?? urn);
  const more = urns.length > names.length ? ` and ${urns.length - names.length} more` : "";
  return `Not found at one read: ${names.join(", ")}${more}. They are read again before anybody is told.`;
}

function pathsOf(treated: readonly Treated[]): string[] {
  return [...new Set(treated.map(({ change }) => change.path))];
}

/** Of a resource whose differences are quiet for several reasons, the one that says most. */
function strongest(quiet: readonly Treated[]): DriftQuiet {
  const order: readonly DriftQuiet[] = ["ignored", "baseline", "volatile", "form"];
  return order.find((why) => quiet.some((one) => one.why === why)) ?? "form";
}
