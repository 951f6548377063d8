import type { ManifestFunction } from "../../contract/aws/manifest.ts";
import type { CanaryPlan } from "../../contract/aws/ship.ts";
import type { Pins, ShippedFunction } from "../../contract/aws/shipment.ts";
import { SlipwayError } from "../../errors.ts";
import { atOnce } from "../at-once.ts";
import type { Parts } from "../parts.ts";
import { type Shipping, stopIfCancelled } from "../shipping.ts";
import { type AliasState, moveAliases, type Positions, putAliasesBack, readAlias } from "./aliases.ts";
import { runCanary } from "./canary.ts";

/** What a function is to serve: made and called, but not serving yet. */
export interface Candidate {
  shipped: ShippedFunction;
  /** What was done, for people. */
  detail: string;
}

/** Functions that serve what they should, and the way back. */
export interface FunctionsInPlace {
  pins: Pins;
  /** Takes the aliases back to what served; answers what could not be put back, in words. */
  putBack: () => Promise<string[]>;
}

export const ALIASES_PART = "aliases";
export const functionPart = (name: string): string => `function ${name}`;

/**
 * Prepares functions, several at a time, and moves their aliases when every one of them is fit to serve: all or none. `serving` is where an alias goes back to when anything fails; of a function that is not
 * in it, the version at which its alias is now. The parts are `function <name>` each, and `aliases`.
 */
export async function putFunctionsInPlace(
  shipping: Shipping,
  names: readonly string[],
  { serving, canary, parts }: { serving: Pins; canary: CanaryPlan | null; parts: Parts },
  prepare: (name: string, declared: ManifestFunction, alias: AliasState) => Promise<Candidate>,
): Promise<FunctionsInPlace> {
  const aliases: Record<string, AliasState> = {};
  // By the record at first: an attempt before this one may have left an alias elsewhere, and this one may end before it has looked.
  const positions: Record<string, string> = Object.fromEntries(
    names.flatMap((name) => (serving[name] === undefined ? [] : [[name, serving[name].version]])),
  );
  const putBack = (): Promise<string[]> => putAliasesBack(shipping, positions);
  try {
    const candidates = await atOnce(names, shipping.limits.functionsAtOnce, async (name) => {
      const declared = declaredAs(shipping, name);
      const shipped = await parts.run(functionPart(name), async () => {
        const alias = await readAlias(shipping, declared);
        aliases[name] = alias;
        positions[name] ??= alias.version;
        const candidate = await prepare(name, declared, alias);
        return { detail: candidate.detail, value: candidate.shipped };
      });
      return [name, shipped] as const;
    });
    const pins: Pins = Object.fromEntries(candidates);
    await parts.run(ALIASES_PART, async () => {
      stopIfCancelled(shipping.signal);
      const moved = await moveThem(shipping, pins, aliases, { serving, canary });
      return {
        detail: moved.length === 0 ? "all stand where they should" : moved.join(", "),
        value: undefined,
      };
    });
    return { pins, putBack };
  } catch (thrown) {
    throw withWords(thrown, await putBack());
  }
}

async function moveThem(
  shipping: Shipping,
  pins: Pins,
  aliases: Readonly<Record<string, AliasState>>,
  { serving, canary }: { serving: Pins; canary: CanaryPlan | null },
): Promise<string[]> {
  const moves = Object.entries(pins).flatMap(([name, { version: to }]) => {
    const alias = aliases[name];
    if (alias === undefined || (alias.version === to && !alias.isShared)) return [];
    return [{ name, from: serving[name]?.version ?? alias.version, to, revision: alias.revision }];
  });
  // What never served has nothing to fall back to: its first version takes all calls.
  const watched = canary === null ? [] : moves.filter(({ name, from, to }) => name in serving && from !== to);
  const canaried = canary === null || watched.length === 0 ? [] : await runCanary(shipping, canary, watched);
  const revisions = Object.fromEntries([...moves, ...canaried].map(({ name, revision }) => [name, revision]));
  const to: Positions = Object.fromEntries(moves.map(({ name, to }) => [name, to]));
  await moveAliases(shipping, to, revisions);
  return moves.map(({ name, from, to }) => `${name} ${from} -> ${to}`);
}

/** A failure that says what serves now. */
export function withWords(thrown: unknown, notPutBack: readonly string[]): unknown {
  if (!(thrown instanceof SlipwayError)) return thrown;
  const { code, message, remedy, details } = thrown;
  if (notPutBack.length === 0) {
    return new SlipwayError(code, `${message} What served before serves on.`, {
      cause: thrown,
      details,
      ...(remedy === undefined ? {} : { remedy }),
    });
  }
  return new SlipwayError(
    "not_put_back",
    `${message} Not all of it was put back: ${notPutBack.join("; ")}.`,
    {
      cause: thrown,
      details,
      remedy:
        `${remedy ?? ""} Until then roll back to the release that served: that puts everything in its place.`.trim(),
    },
  );
}

function declaredAs({ manifest }: Shipping, name: string): ManifestFunction {
  const declared = manifest.functions[name];
  if (declared !== undefined) return declared;
  throw new SlipwayError("functions_mismatch", `The stack has no function ${name}.`, {
    remedy: "Deploy a source whose program declares it.",
  });
}
