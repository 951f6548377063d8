import { ProjectName, StackName } from "../../contract/identifiers.ts";
import type { SourceObject } from "./source.ts";

/*
 * Where a DIY backend keeps things. Source: pkg/backend/diy (store.go, state.go, lock.go, meta.go, stack_tags.go) at 3.250.0.
 *   .pulumi/meta.yaml                                         version: 1, or absent with the legacy layout
 *   .pulumi/stacks/<project>/<stack>.json[.gz|.zst]           the checkpoint; legacy: without the project
 *   .pulumi/stacks/<project>/<stack>.pulumi-tags
 *   .pulumi/history/<project>/<stack>/<stack>-<ns>.history.json[.gz|.zst] and .checkpoint.json[.gz|.zst]
 *   .pulumi/locks/organization/<project>/<stack>/<id>.json    legacy: .pulumi/locks/<stack>/<id>.json
 */
export const META_KEY = ".pulumi/meta.yaml";
export const STACKS_PREFIX = ".pulumi/stacks/";
export const HISTORY_PREFIX = ".pulumi/history/";
export const LOCKS_PREFIX = ".pulumi/locks/";
/** The one organisation of DIY backends. */
export const DIY_ORGANISATION = "organization";
const CHECKPOINT = /^(.+)\.json(?:\.gz|\.zst)?$/;
const HISTORY = /^(.+-(\d+))\.(history|checkpoint)\.json(?:\.gz|\.zst)?$/;
const TAGS = ".pulumi-tags";

/** One update of the past. */
export interface PastUpdate {
  readonly historyKey: string;
  /** Null when the copy of the state was removed. */
  readonly checkpointKey: string | null;
  /** Nanoseconds since 1970, from the name of the file. */
  readonly at: bigint;
}

/** The objects of one stack. */
export interface StackObjects {
  /** Null in the legacy layout: the state's URNs name it. */
  readonly project: string | null;
  readonly stack: string;
  readonly checkpointKey: string;
  readonly tagsKey: string | null;
  readonly lockKeys: readonly string[];
  /** Oldest first. */
  readonly history: readonly PastUpdate[];
}

/** The stacks among the objects of a backend, by project and name. `legacy`: the layout without projects. */
export function stacksAmong(
  objects: readonly SourceObject[],
  { legacy }: { legacy: boolean },
): StackObjects[] {
  const checkpoints = new Map<string, SourceObject>();
  const byPrefix = new Map<string, SourceObject[]>();
  const tags = new Set<string>();
  for (const object of objects) {
    const folder = object.key.slice(0, object.key.lastIndexOf("/") + 1);
    byPrefix.set(folder, [...(byPrefix.get(folder) ?? []), object]);
    if (!object.key.startsWith(STACKS_PREFIX)) continue;
    const name = object.key.slice(STACKS_PREFIX.length);
    if (name.endsWith(TAGS)) tags.add(name.slice(0, -TAGS.length));
    const stack = CHECKPOINT.exec(name)?.[1];
    if (stack === undefined || !isStackPlace(stack, legacy)) continue;
    const other = checkpoints.get(stack);
    // Of a plain and a packed one the younger counts, as for Pulumi.
    if (other === undefined || other.modifiedAt <= object.modifiedAt) checkpoints.set(stack, object);
  }
  return [...checkpoints].map(([place, { key }]) => {
    const parts = place.split("/");
    const lockFolder = legacy ? place : `${DIY_ORGANISATION}/${place}`;
    return {
      project: legacy ? null : (parts[0] ?? null),
      stack: parts.at(-1) ?? "",
      checkpointKey: key,
      tagsKey: tags.has(place) ? `${STACKS_PREFIX}${place}${TAGS}` : null,
      lockKeys: (byPrefix.get(`${LOCKS_PREFIX}${lockFolder}/`) ?? []).map((one) => one.key),
      history: historyAmong(byPrefix.get(`${HISTORY_PREFIX}${place}/`) ?? []),
    };
  });
}

/** Checkpoint files that lie where the layout keeps no stacks, as after half a move from one layout to the other. */
export function strangersAmong(objects: readonly SourceObject[], { legacy }: { legacy: boolean }): string[] {
  return objects
    .filter(({ key }) => {
      const place = key.startsWith(STACKS_PREFIX)
        ? CHECKPOINT.exec(key.slice(STACKS_PREFIX.length))?.[1]
        : undefined;
      return place !== undefined && !isStackPlace(place, legacy);
    })
    .map(({ key }) => key);
}

function isStackPlace(place: string, legacy: boolean): boolean {
  const parts = place.split("/");
  const [project = "", stack = ""] = legacy ? ["legacy", ...parts] : parts;
  if (parts.length !== (legacy ? 1 : 2)) return false;
  return ProjectName.safeParse(project).success && StackName.safeParse(stack).success;
}

function historyAmong(objects: readonly SourceObject[]): PastUpdate[] {
  const found = new Map<string, { at: bigint; history: string | null; checkpoint: string | null }>();
  for (const { key } of objects) {
    const [, place, at, what] = HISTORY.exec(key) ?? [];
    if (place === undefined || at === undefined) continue;
    const entry = found.get(place) ?? { at: BigInt(at), history: null, checkpoint: null };
    if (what === "history") entry.history = key;
    else entry.checkpoint = key;
    found.set(place, entry);
  }
  return [...found.values()]
    .flatMap(({ at, history, checkpoint }) =>
      // A copy of a state without its entry tells neither who nor why: Pulumi does not show it either.
      history === null ? [] : [{ at, historyKey: history, checkpointKey: checkpoint }],
    )
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}
