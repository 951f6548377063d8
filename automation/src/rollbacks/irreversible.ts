import { isStateful } from "../approvals/stateful-types.ts";
import type { PlannedStep } from "../contract/previews.ts";
import type { IrreversibleStep } from "../contract/verification.ts";

/** What a source says of the data that it works with, in slipway.yaml's `release`. */
export interface DataChange {
  /** `expand`: what came before can still work with it. `contract`: something is gone that earlier versions need. */
  schema: "expand" | "contract" | null;
  /** Of the data that this version works with; counts up over the life of the project, the same in every stack. */
  level: number;
  /** The lowest level of a version that can still work with what this one leaves. */
  rollbackFloor: number | null;
}

/** A plugin as a state or a release names it. */
export interface PluginVersion {
  name: string;
  version: string | null;
}

/** All that decides which steps of a rollback cannot be undone. */
export interface RollbackFacts {
  /** Of the preview of the target on today's state. */
  steps: readonly PlannedStep[];
  /** Globs that the stack adds to the types that hold data. */
  moreStateful: readonly string[];
  /** Level of the release that is gone back to; 0: it names none. */
  targetLevel: number;
  /** Deployments after that release whose update began, oldest first. */
  crossed: readonly (DataChange & { number: number })[];
  plugins: { now: readonly PluginVersion[]; target: readonly PluginVersion[] };
  /** Creates that were begun, of which nobody knows whether they took effect. */
  pendingCreates: readonly { urn: string; name: string }[];
}

/** The engine's words for what takes a resource away, and for what makes it anew. */
const DELETES: ReadonlySet<string> = new Set(["delete", "discard", "read-discard"]);
const REPLACES: ReadonlySet<string> = new Set([
  "replace",
  "create-replacement",
  "delete-replaced",
  "read-replacement",
  "import-replacement",
  "discard-replaced",
]);
const HARMLESS: ReadonlySet<string> = new Set([
  "same",
  "create",
  "update",
  "read",
  "refresh",
  "import",
  "remove-pending-replace",
]);

/** The steps of a rollback that another one could not take back, each once, in a fixed order. Empty: all of it can be undone. */
export function irreversibleSteps(facts: RollbackFacts): IrreversibleStep[] {
  const all = [
    ...facts.steps.flatMap((step) => ofResource(step, facts.moreStateful)),
    ...facts.pendingCreates.map(ofPendingCreate),
    ...ofData(facts),
    ...ofPlugins(facts.plugins),
  ];
  const byId = new Map(all.map((step) => [step.id, step]));
  return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function ofResource(step: PlannedStep, moreStateful: readonly string[]): IrreversibleStep[] {
  const { urn, type, name, operation, protect } = step;
  const isKnown = DELETES.has(operation) || REPLACES.has(operation) || HARMLESS.has(operation);
  if (!isKnown) {
    const detail = `Does '${operation}' to ${name} (${type}), which nobody here knows the meaning of.`;
    return [{ id: `unknown-operation ${urn} ${operation}`, kind: "unknown-operation", urn, detail }];
  }
  if (HARMLESS.has(operation) || !(protect || isStateful(type, moreStateful))) return [];
  const why = protect ? "it is protected" : "what it holds is lost with it";
  return DELETES.has(operation)
    ? [{ id: `delete ${urn}`, kind: "delete", urn, detail: `Deletes ${name} (${type}): ${why}.` }]
    : [{ id: `replace ${urn}`, kind: "replace", urn, detail: `Replaces ${name} (${type}): ${why}.` }];
}

function ofPendingCreate({ urn, name }: { urn: string; name: string }): IrreversibleStep {
  const detail = `${name} was being created and may exist: going back without it leaves one that the state does not know.`;
  return { id: `pending-create ${urn}`, kind: "pending-create", urn, detail };
}

function ofData({ crossed, targetLevel }: RollbackFacts): IrreversibleStep[] {
  const contracts = crossed
    .filter(({ schema }) => schema === "contract")
    .map(
      ({ number }): IrreversibleStep => ({
        id: `schema-contract ${number}`,
        kind: "schema-contract",
        urn: null,
        detail: `Deployment ${number} took something away from the data that the release gone back to may need (release.schema: contract).`,
      }),
    );
  const floors = crossed.flatMap(({ number, rollbackFloor }): IrreversibleStep[] =>
    rollbackFloor === null || rollbackFloor <= targetLevel
      ? []
      : [
          {
            id: `rollback-floor ${number} ${rollbackFloor}`,
            kind: "rollback-floor",
            urn: null,
            detail: `Deployment ${number} left data for versions of level ${rollbackFloor} and up; the release gone back to has level ${targetLevel}.`,
          },
        ],
  );
  return [...contracts, ...floors];
}

function ofPlugins({ now, target }: RollbackFacts["plugins"]): IrreversibleStep[] {
  return target.flatMap(({ name, version }): IrreversibleStep[] => {
    const newest = now
      .filter((plugin) => plugin.name === name)
      .map((plugin) => plugin.version)
      .reduce<string | null>((most, one) => (compareVersions(one, most) > 0 ? one : most), null);
    // Several versions of one provider in a release: the newest of them is what reads the newest state.
    const newestOfTarget = target
      .filter((plugin) => plugin.name === name)
      .map((plugin) => plugin.version)
      .reduce((most, one) => (compareVersions(one, most) > 0 ? one : most), version);
    if (newest === null || newestOfTarget === null || compareVersions(newestOfTarget, newest) >= 0) return [];
    const detail = `Steps the provider ${name} down from ${newest} to ${newestOfTarget}, which may not read the state that the newer one wrote. The old source with the newer provider cannot be previewed: its lockfile pins the older one, and Slipway runs nothing but what was pinned.`;
    const id = `provider-step-down ${name} ${newest} ${newestOfTarget}`;
    return [{ id, kind: "provider-step-down", urn: null, detail }];
  });
}

/** Orders versions as semver does, for what plugins have: numbers first, and a version with a label before the same without. Null is before all. */
export function compareVersions(a: string | null, b: string | null): number {
  if (a === null || b === null) return (a === null ? 0 : 1) - (b === null ? 0 : 1);
  const [left, right] = [parsed(a), parsed(b)];
  for (let index = 0; index < Math.max(left.numbers.length, right.numbers.length); index += 1) {
    const difference = (left.numbers[index] ?? 0) - (right.numbers[index] ?? 0);
    if (difference !== 0) return difference;
  }
  if (left.label === right.label) return 0;
  if (left.label === "" || right.label === "") return left.label === "" ? 1 : -1;
  return left.label.localeCompare(right.label, "en", { numeric: true });
}

function parsed(version: string): { numbers: number[]; label: string } {
  const [release = "", ...labels] = version.replace(/^v/, "").split("+")[0]?.split("-") ?? [];
  return {
    numbers: release.split(".").map((part) => Number.parseInt(part, 10) || 0),
    label: labels.join("-"),
  };
}
