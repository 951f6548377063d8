import type { EventBody } from "../contract/events.ts";

const MAX_NAMED = 5;

/** What is known of each resource that an engine operation set out to change. */
export interface ResourceAccount {
  add(event: EventBody): void;
  /** True once the engine has begun to change a resource, whatever became of it. */
  hasBegun(): boolean;
  /** One sentence: how many are done, failed, and unknown (begun, and no word of the end). */
  describe(): string;
}

/** Operations that only look. */
const HARMLESS = new Set(["same", "read", "refresh", "discard", "remove-pending-replace"]);
const STACK_TYPE = "pulumi:pulumi:Stack";

export function accountResources(): ResourceAccount {
  const states = new Map<string, { name: string; state: "started" | "succeeded" | "failed" }>();
  const withState = (state: string): { name: string }[] =>
    [...states.values()].filter((one) => one.state === state);
  return {
    add(event) {
      // The stack itself is bookkeeping of the engine: every update "creates" it first.
      if (event.type !== "resource" || event.state === "planned" || event.resourceType === STACK_TYPE) return;
      if (HARMLESS.has(event.operation)) return;
      states.set(`${event.operation} ${event.urn}`, {
        name: `${event.operation} ${event.name}`,
        state: event.state,
      });
    },
    hasBegun: () => states.size > 0,
    describe() {
      if (states.size === 0) return "No resource was changed.";
      const unknown = withState("started");
      const named = (list: { name: string }[]): string =>
        list.length === 0 ? "" : ` (${firstNames(list.map((one) => one.name))})`;
      const failed = withState("failed");
      return `Resource operations: ${withState("succeeded").length} done, ${failed.length} failed${named(failed)}, ${unknown.length} unknown${named(unknown)}.`;
    },
  };
}

function firstNames(names: readonly string[]): string {
  return `${names.slice(0, MAX_NAMED).join(", ")}${names.length > MAX_NAMED ? ", ..." : ""}`;
}
