import type { MovedItem, SealItem } from "../contract/seals.ts";
import { canonicalJson, digestOf } from "./canonical.ts";
import { isCredential, isProviderType, typeOfUrn } from "./credentials.ts";
import type { DrawnNames } from "./drawn-names.ts";
import { drawnNames, withSealedNames } from "./drawn-names.ts";
import type { SealedStep } from "./sealed-steps.ts";
import { SECRET_MAC } from "./sealed-steps.ts";

/*
 * What an approval is for, and whether what is about to run is still that. It knows no plan files, no keys and no database.
 */

/** Everything but the steps. What is not there is null. */
export interface SealFacts {
  operation: string;
  /** With an explicit `refresh`: what the CLI would do by itself is nobody's decision. */
  options: Readonly<Record<string, unknown>> & { refresh: boolean };
  source: string | null;
  lockfile: string | null;
  /** Of the values that the run gets. */
  config: string;
  /** A digest for each of the stack's values on the server, now: who edits them wants them to count. */
  serverConfig: Readonly<Record<string, string>>;
  cli: string;
  plugins: readonly { name: string; version: string | null }[];
  /** Number of the stack's newest state; 0 before the first. */
  state: number;
  artifacts: readonly { name: string; digest: string }[];
  /** Version of each kind of rule in force. */
  rules: Readonly<Record<string, string>>;
  /** Digest of the policy packs. */
  policies: string | null;
}

/** A seal with all that a comparison needs. */
export interface SealedDeployment {
  digest: string;
  items: SealFacts & { plan: string };
  steps: readonly SealedStep[];
  /** What providers draw names from; no part of the digest, since each preview has others. */
  seeds: Readonly<Record<string, string>>;
}

/** What a comparison came to. `differing`: the provider credentials that are not what they were. */
export type Comparison =
  | { binding: "exact"; drawn: DrawnNames }
  | { binding: "equivalent"; differing: { urn: string; path: string }[]; drawn: DrawnNames }
  | { stale: MovedItem[] };

const MAX_MOVED = 200;
const MAX_TEXT_CHARACTERS = 500;
const SECRET = "[secret]";

/** Seals what a deployment is about to do. */
export function seal(
  facts: SealFacts,
  steps: readonly SealedStep[],
  seeds: Readonly<Record<string, string>>,
): SealedDeployment {
  const items = { ...facts, plan: digestOf(steps) };
  return { digest: digestOf(items), items, steps, seeds };
}

/**
 * Compares what was sealed with what is about to run. Nothing may differ but credentials of providers: secrets and known tokens of `pulumi:providers:*` resources, which a program may get anew in each run.
 */
export function compare(sealed: SealedDeployment, again: SealedDeployment): Comparison {
  const moved = movedItems(sealed.items, again.items);
  const drawn = drawnNames(sealed, again);
  const differences =
    sealed.items.plan === again.items.plan
      ? []
      : differencesOfSteps(sealed.steps, withSealedNames(again.steps, drawn));
  const stepsMoved = differences.filter(({ isCredential: isOpen }) => !isOpen);
  if (moved.length + stepsMoved.length > 0) {
    return { stale: [...moved, ...stepsMoved.map((one) => one.moved)].slice(0, MAX_MOVED) };
  }
  if (differences.length === 0) return { binding: "exact", drawn };
  const differing = differences.map(({ moved: { urn, path } }) => ({ urn: urn ?? "", path: path ?? "" }));
  return { binding: "equivalent", differing, drawn };
}

/** What of the items but the plan is not as it was sealed. */
export function movedItems(sealed: SealFacts, now: Partial<SealFacts>): MovedItem[] {
  return (Object.keys(now) as (keyof SealFacts)[]).flatMap((item) =>
    movedItem(item, sealed[item], now[item]),
  );
}

function movedItem(item: Exclude<SealItem, "plan">, was: unknown, is: unknown): MovedItem[] {
  if ((item as SealItem) === "plan" || canonicalJson(was) === canonicalJson(is)) return [];
  if (item === "plugins" || item === "artifacts") return movedList(item, namedOf(was), namedOf(is));
  if (item === "options" || item === "rules" || item === "serverConfig")
    return movedList(item, entriesOf(was), entriesOf(is));
  return [{ item, urn: null, path: null, was, is }];
}

function movedList(
  item: SealItem,
  was: ReadonlyMap<string, unknown>,
  is: ReadonlyMap<string, unknown>,
): MovedItem[] {
  return [...new Set([...was.keys(), ...is.keys()])]
    .filter((name) => canonicalJson(was.get(name)) !== canonicalJson(is.get(name)))
    .map((name) => ({ item, urn: null, path: name, was: was.get(name) ?? null, is: is.get(name) ?? null }));
}

function namedOf(list: unknown): Map<string, unknown> {
  const named = new Map<string, unknown>();
  for (const { name, ...rest } of list as { name: string; version?: unknown; digest?: unknown }[]) {
    const value = rest.digest ?? rest.version ?? null;
    // Two versions of one plugin in a program are both of its versions.
    named.set(name, named.has(name) ? [named.get(name), value].flat() : value);
  }
  return named;
}

function entriesOf(value: unknown): Map<string, unknown> {
  return new Map(Object.entries(value as Record<string, unknown>));
}

interface Difference {
  moved: MovedItem;
  /** It may be so: nothing but a credential of a provider is another one. */
  isCredential: boolean;
}

function differencesOfSteps(sealed: readonly SealedStep[], again: readonly SealedStep[]): Difference[] {
  const before = stepsByUrn(sealed);
  const after = stepsByUrn(again);
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((urn) =>
    differencesOf(urn, before.get(urn) ?? [], after.get(urn) ?? []),
  );
}

/** A refresh or destroy has a step of its own for each state of a resource. */
function stepsByUrn(steps: readonly SealedStep[]): Map<string, SealedStep[]> {
  const byUrn = new Map<string, SealedStep[]>();
  for (const step of steps) byUrn.set(step.urn, [...(byUrn.get(step.urn) ?? []), step]);
  return byUrn;
}

function differencesOf(
  urn: string,
  sealed: readonly SealedStep[],
  again: readonly SealedStep[],
): Difference[] {
  if (canonicalJson(sealed) === canonicalJson(again)) return [];
  const isProvider = isProviderType(typeOfUrn(urn));
  const operations = [sealed, again].map((steps) => steps.flatMap((step) => step.operations));
  const [was = [], is = []] = operations;
  const found: Difference[] = [];
  // Of a resource that is new to the plan, or no more in it, that alone is said.
  if (sealed.length > 0 && again.length > 0)
    walk(sealed[0]?.goal ?? {}, again[0]?.goal ?? {}, [], (path, one, other) => {
      const isOpen = isProvider && sealed.length === 1 && again.length === 1 && isOpenPath(path, one, other);
      found.push({ moved: moveOf(urn, nameOf(path), one, other), isCredential: isOpen });
    });
  if (canonicalJson(was) !== canonicalJson(is)) {
    const isUpdate = (list: readonly string[]): boolean =>
      list.every((one) => one === "same" || one === "update");
    const isOpen =
      isProvider &&
      isUpdate(was) &&
      isUpdate(is) &&
      found.length > 0 &&
      found.every((one) => one.isCredential);
    const [from, to] = operations.map((list) => (list?.length === 0 ? null : list?.join(", ")));
    // The first thing that anybody asks.
    found.unshift({ moved: moveOf(urn, null, from, to), isCredential: isOpen });
  }
  return found;
}

function moveOf(urn: string, path: string | null, was: unknown, is: unknown): MovedItem {
  return { item: "plan", urn, path, was: shown(was), is: shown(is) };
}

/** Whether a path of a provider's goal is within a credential among its inputs. */
function isOpenPath(path: readonly string[], was: unknown, is: unknown): boolean {
  const [kind, part, ...names] = path;
  if (kind !== "inputs" || (part !== "adds" && part !== "updates")) return false;
  const isSecret = (was === undefined || isMac(was)) && (is === undefined || isMac(is));
  return names.some((name, index) => isCredential(name, isSecret && index === names.length - 1));
}

function walk(
  was: unknown,
  is: unknown,
  path: readonly string[],
  found: (path: readonly string[], was: unknown, is: unknown) => void,
): void {
  const areRecords = isBranch(was) && isBranch(is);
  const areLists = Array.isArray(was) && Array.isArray(is);
  if (areRecords || areLists) {
    const before = was as Record<string, unknown>;
    const after = is as Record<string, unknown>;
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
      walk(before[name], after[name], [...path, name], found);
    }
    return;
  }
  if (canonicalJson(was) !== canonicalJson(is)) found(path, was, is);
}

function isBranch(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isMac(value);
}

function isMac(value: unknown): boolean {
  return typeof value === "object" && value !== null && SECRET_MAC in value;
}

/** `text` for an input, `outputs.version` for an output, `protect` for an option of the resource. */
function nameOf(path: readonly string[]): string {
  const [kind, part, ...rest] = path;
  if (kind === "changes") return part ?? "";
  const names = kind === "inputs" ? rest : kind === "outputs" ? ["outputs", ...rest] : path;
  return (names.length === 0 && part !== undefined ? [part] : names).join(".");
}

/** A value for people: no secret at any depth, and no longer than somebody reads. */
function shown(value: unknown): unknown {
  if (value === undefined) return null;
  if (isMac(value)) return SECRET;
  if (typeof value === "string")
    return value.length <= MAX_TEXT_CHARACTERS ? value : `${value.slice(0, MAX_TEXT_CHARACTERS)} ...`;
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, shown(item)]));
}
