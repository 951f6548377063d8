import type { AuditRow, Change, ClaimedFence } from "./store.ts";

/** What really happened, as nobody in the simulated system can see it. */
export type Happening =
  | {
      kind: "commit";
      what: string;
      /** By the database's clock. */
      now: number;
      changes: readonly Change[];
      audit: readonly AuditRow[];
      fence: ClaimedFence | null;
    }
  /** Whether processes of an attempt exist. */
  | { kind: "processes"; attemptId: string; stackId: string; are: "there" | "gone" }
  /** A resource is being changed. */
  | {
      kind: "effect";
      attemptId: string;
      stackId: string;
      deploymentId: string;
      resource: number;
      is: "begun" | "ended";
    }
  /** A step really did its work. */
  | { kind: "step"; deploymentId: string; attemptId: string; step: string }
  /** What a preview found: what the update after it would do. */
  | { kind: "previewed"; deploymentId: string; attemptId: string; seal: string }
  | { kind: "received"; destination: string; id: string; about: string }
  | { kind: "answered"; to: string; key: string; deploymentId: string }
  | { kind: "fault"; what: string };

export type Entry = Happening & { at: number; by: string };

/** One line for a person. */
export function describe(entry: Entry): string {
  const place = `${(entry.at / 1_000).toFixed(3).padStart(9)}  ${entry.by.padEnd(12)}`;
  switch (entry.kind) {
    case "commit": {
      const moved = entry.changes.map(describeChange).filter((text) => text !== "");
      const audited = entry.audit.map(({ action, subject }) => `${action} ${subject}`);
      const told = audited.length === 0 ? "" : `  [audit: ${audited.join(", ")}]`;
      return `${place} commit ${entry.what}: ${moved.join("; ")}${told}`;
    }
    case "processes":
      return `${place} processes of ${entry.attemptId} on ${entry.stackId} are ${entry.are}`;
    case "effect":
      return `${place} resource ${entry.resource} of ${entry.stackId} by ${entry.attemptId} (${entry.deploymentId}): ${entry.is}`;
    case "step":
      return `${place} step ${entry.step} of ${entry.deploymentId} by ${entry.attemptId}`;
    case "previewed":
      return `${place} preview of ${entry.deploymentId} by ${entry.attemptId}: ${entry.seal}`;
    case "received":
      return `${place} ${entry.destination} receives ${entry.id}: ${entry.about}`;
    case "answered":
      return `${place} ${entry.to} is told: request ${entry.key} is ${entry.deploymentId}`;
    case "fault":
      return `${place} *** ${entry.what}`;
  }
}

function describeChange({ table, id, before, after }: Change): string {
  const text = (value: unknown): string =>
    value === undefined
      ? ""
      : JSON.stringify(value, (_, one: unknown) => (one instanceof Set ? [...one] : one));
  const old: Readonly<Record<string, unknown>> = { ...before };
  const parts = Object.entries(after)
    .filter(([key, value]) => key !== "id" && text(value) !== text(old[key]))
    .map(([key, value]) =>
      before === undefined ? `${key}=${text(value)}` : `${key}: ${text(old[key])} -> ${text(value)}`,
    );
  return parts.length === 0 ? "" : `${table} ${id} {${parts.join(", ")}}`;
}
