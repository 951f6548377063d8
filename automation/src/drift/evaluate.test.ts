import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Finding, FoundChange, Known, Look } from "./evaluate.ts";
import { evaluate } from "./evaluate.ts";
import { SECOND_READ_AFTER_MS } from "./rules.ts";

const NOW = 1_000_000;
const LOOK: Look = { startedAt: NOW, birth: false, scope: null };

function known(more: Partial<Known> = {}): Known {
  return {
    now: NOW,
    rules: [],
    baseline: new Set(),
    volatile: new Set(),
    missingSince: new Map(),
    alerts: [],
    ...more,
  };
}

function change(path: string, more: Partial<FoundChange> = {}): FoundChange {
  const { after = '"b"' } = more;
  return {
    path,
    side: "input",
    before: '"a"',
    after,
    formOnly: false,
    sealed: false,
    fingerprint: `${path}=${after}`,
    ...more,
  };
}

function resource(name: string, changes: readonly FoundChange[] = [], kind?: Finding["class"]): Finding {
  const urn = `urn:x::${name}`;
  const differs = changes.some(({ side }) => side === "input") ? "input-changed" : "output-only";
  return {
    urn,
    resourceType: "t",
    class: kind ?? (changes.length === 0 ? "same" : differs),
    fingerprint: `gone ${name}`,
    changes: changes.map((one) => ({ ...one, fingerprint: `${name} ${one.fingerprint}` })),
  };
}

const gone = (name: string): Finding => resource(name, [], "gone");
const rule = (more: Partial<Known["rules"][number]> = {}): Known["rules"][number] => ({
  id: "rule",
  urnGlob: "*",
  path: null,
  expiresAt: NOW + 1,
  removed: false,
  ...more,
});
const alertOn = (name: string, one: FoundChange): Known["alerts"][number] => ({
  id: `alert ${name}`,
  kind: "input-changed",
  fingerprint: `${name} ${one.fingerprint}`,
  urn: `urn:x::${name}`,
  path: one.path,
});

describe("what is told", () => {
  test("an input with another value is, once for each property; what only the provider reports is not", () => {
    const outputs = change("seen", { side: "output" });
    const found = evaluate(
      [resource("a", [change("x"), change("y"), outputs]), resource("b", [outputs])],
      LOOK,
      known(),
    );
    expect(found).toMatchObject({ status: "drifted", cause: null });
    expect(found.open.map(({ fingerprint }) => fingerprint)).toEqual(['a x="b"', 'a y="b"']);
    expect(found.resources.map(({ class: kind, quiet }) => [kind, quiet])).toEqual([
      ["input-changed", null],
      ["output-only", null],
    ]);
    expect(evaluate([resource("b", [outputs])], LOOK, known())).toMatchObject({ status: "clean", open: [] });
  });

  test("the same difference is told once: what is open is seen, and stays open", () => {
    const one = change("x");
    const found = evaluate([resource("a", [one])], LOOK, known({ alerts: [alertOn("a", one)] }));
    expect(found).toMatchObject({ status: "drifted", open: [], seen: ["alert a"], close: [] });
  });

  test("another value of the same property is another alert; the property as it was closes it", () => {
    const alerts = [alertOn("a", change("x"))];
    const moved = evaluate([resource("a", [change("x", { after: '"c"' })])], LOOK, known({ alerts }));
    expect(moved.close).toEqual([{ id: "alert a", because: "changed", rule: null }]);
    expect(moved.open).toHaveLength(1);
    const back = evaluate([resource("a")], LOOK, known({ alerts }));
    expect(back.close).toEqual([{ id: "alert a", because: "resolved", rule: null }]);
  });

  test("another form of the same value is not", () => {
    const found = evaluate([resource("a", [change("x", { formOnly: true })])], LOOK, known());
    expect(found).toMatchObject({ status: "clean", open: [] });
    expect(found.resources[0]).toMatchObject({
      quiet: "form",
      quietProperties: [{ path: "x", why: "form" }],
      changedProperties: [],
    });
  });
});

describe("a resource that is gone", () => {
  const others = Array.from({ length: 9 }, (_, index) => resource(`other-${index}`));
  const since = (ms: number): Partial<Known> => ({ missingSince: new Map([["urn:x::a", NOW - ms]]) });

  test("is not told of after one read; the check is unknown, and says what is read again", () => {
    const found = evaluate([gone("a"), ...others], LOOK, known());
    expect(found).toMatchObject({ status: "unknown", open: [], missing: ["urn:x::a"] });
    expect(found.cause).toContain("a");
    expect(found.resources[0]).toMatchObject({ class: "gone", quiet: "unconfirmed" });
  });

  test("is told of after a second read a minute later, and not a moment sooner", () => {
    const early = evaluate([gone("a"), ...others], LOOK, known(since(SECOND_READ_AFTER_MS - 1)));
    expect(early).toMatchObject({ status: "unknown", open: [], missing: [], found: [] });
    const late = evaluate([gone("a"), ...others], LOOK, known(since(SECOND_READ_AFTER_MS)));
    expect(late).toMatchObject({ status: "drifted", open: [{ kind: "gone" }], found: ["urn:x::a"] });
  });

  test("that the second read finds is forgotten", () => {
    const look = { ...LOOK, scope: new Set(["urn:x::a"]) };
    expect(evaluate([resource("a")], look, known(since(SECOND_READ_AFTER_MS)))).toMatchObject({
      status: "clean",
      open: [],
      found: ["urn:x::a"],
    });
  });

  test("with much else is believed by nobody, and nothing else of the check counts", () => {
    const some = ["a", "b", "c"].map(gone);
    const one = change("x");
    const findings = [...some, ...others, resource("d", [one])];
    const alerts = [alertOn("z", one)];
    const found = evaluate(
      findings,
      LOOK,
      known({ alerts, missingSince: new Map(some.map(({ urn }) => [urn, 0])) }),
    );
    expect(found).toMatchObject({ status: "unknown", manyGone: true, open: [], close: [], missing: [] });
    expect(found.cause).toContain("3 of 13");
    expect(evaluate([...some, ...others, ...others.slice(0, 3)], LOOK, known()).manyGone).toBe(false);
  });

  test("that was told of already does not count towards too much", () => {
    const names = ["a", "b", "c"];
    const alerts = names.map((name) => ({
      id: name,
      kind: "gone" as const,
      fingerprint: `gone ${name}`,
      urn: `urn:x::${name}`,
      path: null,
    }));
    const found = evaluate([...names.map(gone), ...others], LOOK, known({ alerts }));
    expect(found).toMatchObject({ manyGone: false, status: "drifted", seen: names });
  });

  test("a second read says nothing about the rest of the stack", () => {
    const look = { ...LOOK, scope: new Set(["urn:x::a"]) };
    const one = change("x");
    const blind = { id: "blind", kind: "cannot-check" as const, fingerprint: "c", urn: null, path: null };
    const found = evaluate(
      [gone("a"), resource("b", [one])],
      look,
      known({ ...since(60_000), alerts: [alertOn("c", one), blind] }),
    );
    expect(found.open.map(({ kind }) => kind)).toEqual(["gone"]);
    expect(found.close).toEqual([]);
  });
});

describe("a birth check", () => {
  const birth = { ...LOOK, birth: true };
  const differing = [resource("a", [change("x"), change("seen", { side: "output" })])];

  test("takes what differs for how things are, until the value is another one", () => {
    const born = evaluate(differing, birth, known());
    expect(born).toMatchObject({ status: "clean", open: [] });
    const baseline = new Set(born.baseline.map(({ fingerprint }) => fingerprint));
    expect(baseline).toEqual(new Set(['a x="b"', 'a seen="b"']));
    expect(evaluate(differing, LOOK, known({ baseline }))).toMatchObject({ status: "clean", open: [] });
    const other = [resource("a", [change("x", { after: '"c"' })])];
    expect(evaluate(other, LOOK, known({ baseline }))).toMatchObject({ status: "drifted" });
  });

  test("takes neither what was told of before the update nor what is gone", () => {
    const alerts = [alertOn("a", change("x", { after: '"before"' }))];
    const found = evaluate([...differing, gone("b")], birth, known({ alerts }));
    expect(found.open.map(({ fingerprint }) => fingerprint)).toEqual(['a x="b"']);
    expect(found.baseline.map(({ path }) => path)).toEqual(["seen"]);
    expect(found.missing).toEqual(["urn:x::b"]);
  });

  test("is the only one that takes anything", () => {
    expect(evaluate(differing, LOOK, known()).baseline).toEqual([]);
  });
});

describe("an output that moves by itself", () => {
  const moving = resource("a", [change("seen", { side: "output" })]);
  test("is left out of the counts, and an input of the same path never is", () => {
    const volatile = new Set(["urn:x::a seen"]);
    expect(evaluate([moving], LOOK, known({ volatile })).resources[0]).toMatchObject({ quiet: "volatile" });
    expect(evaluate([moving], LOOK, known()).resources[0]).toMatchObject({ quiet: null });
    expect(evaluate([resource("a", [change("seen")])], LOOK, known({ volatile })).status).toBe("drifted");
  });
  test("is handed on to be learned, an input never", () => {
    expect(evaluate([moving, resource("b", [change("x")])], LOOK, known()).moved).toHaveLength(1);
  });
});

describe("an ignore rule", () => {
  const one = change("tags.owner");
  const alerts = [alertOn("a", one)];

  test("closes the alerts that it matches at the next check, and is noted as needed", () => {
    const found = evaluate([resource("a", [one])], LOOK, known({ alerts, rules: [rule({ path: "tags" })] }));
    expect(found).toMatchObject({ status: "clean", open: [], matchedRules: ["rule"] });
    expect(found.close).toEqual([{ id: "alert a", because: "ignored", rule: "rule" }]);
    expect(found.resources[0]).toMatchObject({ quiet: "ignored" });
  });

  test("counts for computed properties too", () => {
    const computed = resource("a", [change("arn", { side: "output" })]);
    const found = evaluate([computed], LOOK, known({ rules: [rule({ path: "arn" })] }));
    expect(found.resources[0]).toMatchObject({ quiet: "ignored" });
    expect(found.matchedRules).toEqual(["rule"]);
    expect(found.moved).toEqual([]);
  });

  test("that is over ignores nothing: what still differs is told of anew", () => {
    const found = evaluate([resource("a", [one])], LOOK, known({ rules: [rule({ expiresAt: NOW })] }));
    expect(found).toMatchObject({ status: "drifted", matchedRules: [] });
    expect(found.open).toHaveLength(1);
  });

  test("silences that a resource is gone only without a path", () => {
    const missingSince = new Map([["urn:x::a", 0]]);
    const some = evaluate([gone("a")], LOOK, known({ missingSince, rules: [rule({ path: "*" })] }));
    expect(some.open).toHaveLength(1);
    const whole = evaluate([gone("a")], LOOK, known({ missingSince, rules: [rule()] }));
    expect(whole).toMatchObject({ status: "clean", open: [], found: ["urn:x::a"] });
  });
});

test("a check of the whole stack ends the alerts that it could not be checked", () => {
  const alerts = (["cannot-check", "many-gone"] as const).map((kind) => ({
    id: kind,
    kind,
    fingerprint: kind,
    urn: null,
    path: null,
  }));
  expect(evaluate([resource("a")], LOOK, known({ alerts })).close.map(({ because }) => because)).toEqual([
    "checked",
    "checked",
  ]);
});

test("whatever differs, a second check of the same opens and closes nothing", () => {
  const side = fc.constantFrom("input" as const, "output" as const);
  const changes = fc.uniqueArray(
    fc.record({ path: fc.constantFrom("a", "b.c", "d[0]"), side, formOnly: fc.boolean() }),
    { selector: ({ path }) => path, maxLength: 3 },
  );
  const findings = fc.array(fc.record({ isGone: fc.boolean(), changes }), { maxLength: 8 });
  fc.assert(
    fc.property(findings, (all) => {
      const read = all.map(({ isGone, changes: of }, index) =>
        isGone
          ? gone(`r${index}`)
          : resource(
              `r${index}`,
              of.map(({ path, ...more }) => change(path, more)),
            ),
      );
      const missingSince = new Map(read.map(({ urn }) => [urn, 0]));
      const first = evaluate(read, LOOK, known({ missingSince }));
      const alerts = first.open.map(({ kind, fingerprint, urn, change: of }) => ({
        ...{ id: fingerprint, kind, fingerprint, urn },
        path: of?.path ?? null,
      }));
      const second = evaluate(read, LOOK, known({ missingSince, alerts }));
      expect(second).toMatchObject({ open: [], close: [], status: first.status });
      expect(second.seen).toHaveLength(first.open.length);
    }),
  );
});
