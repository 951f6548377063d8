import fc from "fast-check";

/** A journal that an engine could have written, as texts: the state that it begins with, and its entries in order. */
export interface GeneratedJournal {
  base: string | null;
  entries: string[];
}

type Seeds = readonly number[];
const seeds = fc.array(fc.nat({ max: 0xffff }), { minLength: 12, maxLength: 12 });
/** Steps of a journal; each makes one to three entries. */
const MOST_STEPS = 30;

/** Journals of valid operations on random states; shrinks to fewer resources and steps. */
export const generatedJournals: fc.Arbitrary<GeneratedJournal> = fc
  .record({
    isEmpty: fc.boolean(),
    hasRefresh: fc.boolean(),
    base: fc.array(seeds, { maxLength: 8 }),
    document: seeds,
    steps: fc.array(seeds, { maxLength: MOST_STEPS, size: "max" }),
    snapshot: fc.array(seeds, { maxLength: 6 }),
  })
  .map(({ isEmpty, hasRefresh, base, document, steps, snapshot }) => {
    const world = { hasRefresh, snapshot };
    const started = isEmpty ? [] : base;
    const text = isEmpty ? null : `{"version":3,"deployment":${deploymentText(world, started, document)}}`;
    return { base: text, entries: entryTexts(world, started.length, steps) };
  });

interface World {
  /** Pulumi's own replayer mishandles `replaceWith` when a refresh took its target; such journals are left out. */
  hasRefresh: boolean;
  /** The base that a write puts in place of the first one. */
  snapshot: Seeds[];
}

const TYPES = ["a:b:C", "a:b:D", "group:index:Group", "group:index:Group$a:b:C"];
const NAMES = ["one", "two", "three", "four::five", "größe"];
const PROVIDER = "urn:pulumi:dev::shop::pulumi:providers:a::default";

function pick<T>(from: readonly [T, ...T[]], seed: number | undefined): T {
  return from[(seed ?? 0) % from.length] ?? from[0];
}

function urnText(seed: number | undefined): string {
  const [type, name] = [
    pick(TYPES as [string], seed),
    pick(NAMES as [string], Math.floor((seed ?? 0) / TYPES.length)),
  ];
  return `urn:pulumi:dev::shop::${type}::${name}`;
}

/** Values whose bytes a parser and printer would change: large numbers, order of names, escapes, spaces. */
const ODD_VALUES = [
  '{"b":1,"a":2}',
  '{"10":1,"9":12345678901234567890,"x":1.50}',
  '{ "spaced" : [ 1 , 2 ] }',
  '{"html":"\\u003ca href=\\"x\\"\\u003e\\u0026","deep":{"e":[[[{"__proto__":"a","f":null}]]]}}',
  '{"4dabf18193072939515e22adb298388d":"1b47061264138c4ac30d75fd1eb44270","ciphertext":"v1:x"}',
  '{"unicode":"\\ud83d\\ude00 größe","slashes":"a\\\\\\"b"}',
] as const;

/** A resource: which members it has, and what they say, follows from the seeds. */
function resourceText(
  world: World,
  [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0, j = 0]: Seeds,
): string {
  const members = [`"urn":${JSON.stringify(urnText(a))}`, `"custom":${b % 4 !== 0}`];
  const say = (isSaid: boolean, member: string) => isSaid && members.push(member);
  const urns = (seed: number, count: number) =>
    `[${Array.from({ length: count }, (_, index) => JSON.stringify(urnText(seed + index * 7))).join(",")}]`;
  say(c % 11 === 0, `"delete":true`);
  say(b % 4 !== 0, `"id":"id-${b}"`);
  members.push(`"type":${JSON.stringify(pick(TYPES as [string], a))}`);
  say(c % 2 === 0, `"inputs":${pick(ODD_VALUES, c)}`);
  say(c % 3 === 0, `"outputs":${pick(ODD_VALUES, d)}`);
  say(
    d % 3 === 0,
    `"parent":${JSON.stringify(d % 2 === 0 ? "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev" : urnText(d))}`,
  );
  say(d % 5 === 0, `"protect":true`);
  say(e % 13 === 0, `"taint":true`);
  say(e % 2 === 0, `"dependencies":${urns(e, e % 4)}`);
  say(e % 3 === 0, `"provider":"${PROVIDER}::id"`);
  say(
    f % 2 === 0,
    `"propertyDependencies":{"p":${urns(f, f % 3)},"q":${f % 7 === 0 ? "null" : urns(f + 1, 1)}}`,
  );
  say(f % 17 === 0, `"pendingReplacement":true`);
  say(g % 9 === 0, `"aliases":${urns(g, (g % 2) + 1)}`);
  say(g % 4 === 0, `"deletedWith":${JSON.stringify(urnText(g))}`);
  say(h % 6 === 0 && !world.hasRefresh, `"replaceWith":${urns(h, 1)}`);
  say(h % 19 === 0, `"refreshBeforeUpdate":true`);
  say(i % 14 === 0, `"viewOf":${JSON.stringify(urnText(i))}`);
  say(i % 15 === 0, `"resourceHooks":{"before-create":["hook"]}`);
  say(j % 16 === 0, `"extensionRef":"ref-${j % 3}"`);
  return `{${members.join(j % 2 === 0 ? "," : " , ")}}`;
}

function operationText(world: World, type: string, resource: Seeds): string {
  return `{"resource":${resourceText(world, resource)},"type":"${type}"}`;
}

const OPERATIONS = ["creating", "updating", "deleting", "reading", "importing"] as const;
const SNIPPETS = `[{"uuid":"u","name":"n","type":"t","code":"c","descriptor":{"name":"d"},"references":{"r":${JSON.stringify(urnText(3))}}}]`;

function deploymentText(
  world: World,
  resources: readonly Seeds[],
  [a = 0, b = 0, c = 0, d = 0, e = 0, ...rest]: Seeds,
): string {
  const members = [`"manifest":{"time":"2026-01-01T00:00:00Z","magic":"m","version":"v3.1.0"}`];
  if (a % 2 === 0) members.push(`"secrets_providers":${secretsProvider(a)}`);
  if (resources.length > 0)
    members.push(`"resources":[${resources.map((one) => resourceText(world, one)).join(",")}]`);
  if (b % 2 === 0) {
    const operations = rest
      .slice(0, b % 5)
      .map((seed) => operationText(world, pick(OPERATIONS, seed), [seed, ...rest]));
    members.push(`"pending_operations":[${operations.join(",")}]`);
  }
  members.push(c % 3 === 0 ? `"metadata":{"integrity_error":{"error":"e","command":"up"}}` : `"metadata":{}`);
  if (d % 5 === 0) members.push(`"snippets":${SNIPPETS}`);
  if (e % 5 === 0)
    members.push(`"extensions":{"ref-0":{"name":"of the base","version":"1.0.0","value":"AAEC"}}`);
  return `{${members.join(",")}}`;
}

function secretsProvider(seed: number): string {
  return `{"type":"${pick(["service", "passphrase"], seed)}","state":{"salt":"s${seed % 3}"}}`;
}

/** Follows what an engine knows: the indices of its base, and which operations of this update made something. */
function entryTexts(world: World, baseCount: number, steps: readonly Seeds[]): string[] {
  const entries: string[] = [];
  let [bases, operation] = [baseCount, 0];
  let made: number[] = [];
  let isRebuilt = false;
  /** Indices of the base that are gone, for how many are left when it is rebuilt. */
  let removed = new Set<number>();

  const entry = (kind: number, of: number, members: Record<string, string | number | undefined>) => {
    const { removeOld, state } = members;
    if (typeof removeOld === "number" && (kind === 1 || (kind === 3 && state === undefined)))
      removed.add(removeOld);
    const given = Object.entries(members).filter(([, value]) => value !== undefined);
    const more = given.map(([name, value]) => `,"${name}":${value}`).join("");
    // Pointers that every entry has, null unless given.
    const nulls = ["removeOld", "removeNew"]
      .filter((name) => members[name] === undefined)
      .map((name) => `,"${name}":null`);
    entries.push(
      `{"version":1,"kind":${kind},"sequenceID":${entries.length + 1},"operationID":${of}${nulls.join("")}${more}}`,
    );
  };

  /** A member that names a resource of the base or one that was made; undefined when there is none. */
  const target = (name: string, seed: number): Record<string, number> | undefined => {
    const index = seed % Math.max(bases + made.length, 1);
    if (index < bases) return { [`${name}Old`]: index };
    const id = made[index - bases];
    return id === undefined ? undefined : { [`${name}New`]: id };
  };

  for (const step of steps) {
    const [verb = 0, seed = 0, how = 0] = step;
    const state = resourceText(world, step.slice(2));
    const id = ++operation;
    const begin = (type?: string) =>
      entry(0, id, type === undefined ? {} : { operation: operationText(world, type, step.slice(2)) });
    const end = (members: Record<string, string | number | undefined>) => {
      // Some end badly, and some never.
      if (how % 8 === 0) entry(2, id, { state });
      else if (how % 8 !== 1) entry(1, id, members);
      if (how % 8 > 1 && members.state !== undefined) made.push(id);
    };
    if (isRebuilt) break;
    switch (verb % 12) {
      case 0:
      case 1:
        begin("creating");
        end({ state });
        break;
      case 2:
        begin();
        end({ state, ...target("remove", seed) });
        break;
      case 3:
        begin("updating");
        end({ state, ...target("remove", seed) });
        break;
      case 4:
        begin("deleting");
        end(target("remove", seed) ?? {});
        break;
      case 5:
        begin("deleting");
        end(target("pendingReplacement", seed) ?? {});
        break;
      case 6:
        begin("creating");
        end({ state, ...target("delete", seed) });
        break;
      case 7:
        if (target("remove", seed) !== undefined) entry(4, id, { state, ...target("remove", seed) });
        break;
      case 8:
        if (!world.hasRefresh) break;
        begin();
        if (how % 8 === 1) break;
        // Kind 1: a refresh that is kept, whose resource goes to the end; kind 3: in place, or gone.
        if (how % 5 === 0) {
          entry(1, id, { state, isRefresh: "true", ...target("remove", seed) });
          made.push(id);
        } else
          entry(3, id, {
            state: how % 3 === 0 ? undefined : state,
            isRefresh: "true",
            ...target("remove", seed),
          });
        break;
      case 9:
        if (seed % 3 === 0) entry(9, 0, { snippets: seed % 2 === 0 ? SNIPPETS : undefined });
        else entry(6, 0, { secretsProvider: secretsProvider(seed) });
        break;
      case 10:
        if (seed % 2 === 0) {
          const extension = `{"name":"e${seed}","version":"1.0.0","value":"AQI="}`;
          entry(8, id, { extensionRef: `"ref-${seed % 3}"`, extension });
        } else if (seed % 5 === 0) {
          entry(5, 0, { newSnapshot: deploymentText(world, world.snapshot, step.slice(1)) });
          bases = world.snapshot.length;
        }
        break;
      default:
        if (seed % 3 !== 0) break;
        entry(7, 0, {});
        // Once something was made, a rebuilt base is the last word of a journal.
        if (made.length > 0) isRebuilt = true;
        bases = Array.from({ length: bases }, (_, index) => index).filter(
          (index) => !removed.has(index),
        ).length;
        removed = new Set();
        made = [];
    }
  }
  return entries;
}
