import { describe, expect, test } from "vitest";
import { withSealedSeeds } from "./drawn-names.ts";
import { withOpenCredentials } from "./loosen-plan.ts";
import { describeMoved } from "./moved-words.ts";
import type { Plan } from "./plan-file.ts";
import type { SealedDeployment, SealFacts } from "./rules.ts";
import { compare, seal } from "./rules.ts";
import { seedsOf, stepsOfPlan, stepsOfReport } from "./sealed-steps.ts";

const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const ONE = "urn:pulumi:dev::p::t:i:Bucket::one";
const PROVIDER = "urn:pulumi:dev::p::pulumi:providers:t::main";

const FACTS: SealFacts = {
  operation: "update",
  options: { refresh: false, parallel: 16 },
  source: "sha256:aa",
  lockfile: "sha256:bb",
  config: "sha256:cc",
  serverConfig: { "p:size": "sha256:dd" },
  cli: "3.250.0",
  plugins: [{ name: "t", version: "1.0.0" }],
  state: 12,
  artifacts: [{ name: "api", digest: "sha256:ee" }],
  rules: { approvals: "3", gates: "0" },
  policies: null,
};

function secret(value: string) {
  return {
    "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
    ciphertext: `${Math.random()} ${value}`,
  };
}

interface Wanted {
  text?: unknown;
  name?: string;
  seed?: string;
  ops?: string[];
  token?: unknown;
  region?: string;
  providerOps?: string[];
  more?: Record<string, unknown>;
}

function planOf(wanted: Wanted = {}): Plan {
  const { text = "a", name, seed = "AAAA", ops = ["create"], token, region = "eu" } = wanted;
  const adds = { text, ...(name === undefined ? {} : { bucket: name }) };
  const provider = { region, ...(token === undefined ? {} : { token }) };
  return {
    resourcePlans: {
      [ONE]: {
        goal: {
          type: "t:i:Bucket",
          name: "one",
          custom: true,
          inputDiff: { adds },
          propertyDependencies: { text: [] },
          ...wanted.more,
        },
        steps: ops,
        seed,
      },
      [PROVIDER]: {
        goal: {
          type: "pulumi:providers:t",
          name: "main",
          custom: true,
          inputDiff: { updates: provider },
          propertyDependencies: { region: [], token: [] },
        },
        steps: wanted.providerOps ?? ["update"],
        seed: "PPPP",
      },
    },
  };
}

/** The double of an HMAC: what a ciphertext stands for. */
const macOf = (ciphertext: string): string => ciphertext.split(" ")[1] ?? "";

function sealed(wanted: Wanted = {}, facts: Partial<SealFacts> = {}): SealedDeployment {
  const plan = planOf(wanted);
  return seal({ ...FACTS, ...facts }, stepsOfPlan(plan, { macOf, folder: "/tmp/a1" }), seedsOf(plan));
}

describe("a seal", () => {
  test("is equal when everything is, although no two encryptions are", () => {
    const [one, other] = [sealed({ text: secret("x") }), sealed({ text: secret("x") })];
    expect(other.digest).toBe(one.digest);
    expect(compare(one, other)).toMatchObject({ binding: "exact" });
  });

  test.each<[string, Partial<SealFacts>, object]>([
    ["T4: the stack's state", { state: 31 }, { item: "state", was: 12, is: 31 }],
    ["T1: another operation", { operation: "destroy" }, { item: "operation", is: "destroy" }],
    [
      "T3: refresh",
      { options: { refresh: true, parallel: 16 } },
      { item: "options", path: "refresh", is: true },
    ],
    ["T2: targets", { options: { refresh: false, parallel: 16, targets: [ONE] } }, { path: "targets" }],
    ["the source", { source: "sha256:a2" }, { item: "source" }],
    ["the lockfile", { lockfile: "sha256:b2" }, { item: "lockfile" }],
    ["the config", { config: "sha256:c2" }, { item: "config" }],
    ["a value on the server", { serverConfig: {} }, { item: "serverConfig", path: "p:size", is: null }],
    ["the CLI", { cli: "3.251.0" }, { item: "cli" }],
    [
      "a provider's version",
      { plugins: [{ name: "t", version: "2.0.0" }] },
      { item: "plugins", path: "t", is: "2.0.0" },
    ],
    ["an artifact", { artifacts: [] }, { item: "artifacts", path: "api" }],
    [
      "the rules",
      { rules: { approvals: "4", gates: "0" } },
      { item: "rules", path: "approvals", was: "3", is: "4" },
    ],
    ["the policy packs", { policies: "sha256:f0" }, { item: "policies" }],
  ])("names what moved: %s", (_, facts, moved) => {
    const again = sealed({}, facts);
    expect(again.digest).not.toBe(sealed().digest);
    expect(compare(sealed(), again)).toMatchObject({ stale: [moved] });
  });

  test.each<[string, Wanted, object]>([
    ["a value", { text: "b" }, { urn: ONE, path: "text", was: "a", is: "b" }],
    [
      "a secret, without telling it",
      { text: secret("y") },
      { urn: ONE, path: "text", was: "a", is: "[secret]" },
    ],
    ["an operation", { ops: ["update"] }, { urn: ONE, path: null, was: "create", is: "update" }],
    ["an option of a resource", { more: { protect: true } }, { urn: ONE, path: "protect", is: true }],
    ["what a resource needs", { more: { dependencies: [PROVIDER] } }, { urn: ONE, path: "dependencies" }],
    ["a provider's region", { region: "us" }, { urn: PROVIDER, path: "region", was: "eu", is: "us" }],
    ["a provider that is replaced", { providerOps: ["replace"] }, { urn: PROVIDER, path: null }],
  ])("names a step that moved: %s", (_, wanted, moved) => {
    expect(compare(sealed(), sealed(wanted))).toMatchObject({ stale: [{ item: "plan", ...moved }] });
  });

  test("names a resource that was added or dropped, as a whole", () => {
    const whole = sealed();
    const without = seal(
      FACTS,
      whole.steps.filter(({ urn }) => urn !== ONE),
      {},
    );
    const moved = { item: "plan", urn: ONE, path: null };
    expect(compare(whole, without)).toEqual({ stale: [{ ...moved, was: "create", is: null }] });
    expect(compare(without, whole)).toEqual({ stale: [{ ...moved, was: null, is: "create" }] });
  });

  test("two secrets that differ are told apart, and neither is in the words", () => {
    const comparison = compare(sealed({ text: secret("canary-1") }), sealed({ text: secret("canary-2") }));
    expect(comparison).toMatchObject({ stale: [{ path: "text", was: "[secret]", is: "[secret]" }] });
    expect(JSON.stringify(comparison)).not.toContain("canary");
    if ("stale" in comparison) expect(describeMoved(comparison.stale)).not.toContain("canary");
  });

  test("T6: another credential of a provider is equivalent, and named", () => {
    const token = (value: string) => ({ token: secret(value) });
    expect(compare(sealed(token("1")), sealed(token("2")))).toMatchObject({
      binding: "equivalent",
      differing: [{ urn: PROVIDER, path: "token" }],
    });
    // A known name is one also where the program forgot to mark it.
    expect(compare(sealed({ token: "plain-1" }), sealed({ token: "plain-2" }))).toMatchObject({
      binding: "equivalent",
    });
    // A token that was renewed in one of the two previews only.
    expect(
      compare(sealed({ providerOps: ["same"] }), sealed({ ...token("2"), providerOps: ["update"] })),
    ).toMatchObject({
      binding: "equivalent",
    });
    // With anything else it is not.
    expect(compare(sealed(token("1")), sealed({ ...token("2"), region: "us" }))).toMatchObject({
      stale: [{ path: "region" }],
    });
  });

  test("a secret of a provider that says where it acts is no credential", () => {
    const place = (value: string) => {
      const plan = planOf();
      const resource = plan.resourcePlans?.[PROVIDER];
      if (resource?.goal?.inputDiff) resource.goal.inputDiff.updates = { kubeconfig: secret(value) };
      return seal(FACTS, stepsOfPlan(plan, { macOf, folder: "/tmp/a1" }), seedsOf(plan));
    };
    expect(compare(place("cluster-1"), place("cluster-2"))).toMatchObject({
      stale: [{ path: "kubeconfig" }],
    });
  });

  test("a name that a provider draws for a new resource is another one in each preview, and the sealed one is created", () => {
    const before = sealed({ name: "one-1a2b3c4", seed: "AAAA" });
    const again = sealed({ name: "one-9f8e7d6", seed: "BBBB" });
    const comparison = compare(before, again);
    expect(comparison).toMatchObject({ binding: "exact" });
    if ("stale" in comparison) return;
    const rebound = withSealedSeeds(planOf({ name: "one-9f8e7d6", seed: "BBBB" }), comparison.drawn);
    expect(rebound.resourcePlans?.[ONE]).toMatchObject({
      seed: "AAAA",
      goal: { inputDiff: { adds: { bucket: "one-1a2b3c4" } } },
    });
    // What the program itself sets, or what is no new resource, is a difference like any other.
    const own = { more: { propertyDependencies: { text: [], bucket: [] } } };
    expect(
      compare(sealed({ name: "one-1", ...own }), sealed({ name: "one-2", seed: "B", ...own })),
    ).toHaveProperty("stale");
    expect(
      compare(
        sealed({ name: "one-1", ops: ["update"] }),
        sealed({ name: "one-2", seed: "B", ops: ["update"] }),
      ),
    ).toHaveProperty("stale");
  });

  test.each([1, 1_000])("%d drawn names are found in what others take from them too", (count) => {
    const of = (drawn: string, seed: string) => {
      const one = planOf().resourcePlans?.[ONE];
      const resources = Array.from({ length: count }, (_, index) => {
        const name = `r${index}`;
        const adds = { bucket: `${name}-${drawn}`, text: `arn:${name}-${drawn}/*` };
        const resource = {
          ...one,
          seed: `${seed}${index}`,
          goal: { ...one?.goal, name, inputDiff: { adds } },
        };
        return [`urn:pulumi:dev::p::t:i:Bucket::${name}`, resource];
      });
      const plan = { resourcePlans: Object.fromEntries(resources) } as Plan;
      return seal(FACTS, stepsOfPlan(plan, { macOf, folder: "/tmp/a1" }), seedsOf(plan));
    };
    expect(compare(of("1a2b3c4", "A"), of("9f8e7d6", "B"))).toHaveProperty("binding", "exact");
  });

  test("the attempt's own folder is another one each time, and says nothing", () => {
    const of = (folder: string) =>
      seal(FACTS, stepsOfPlan(planOf({ text: `${folder}/source/x` }), { macOf, folder }), {});
    expect(of("/tmp/a1").digest).toBe(of("/tmp/b2").digest);
  });

  test("the steps of a refresh are bound by what it found, those of a destroy by the state", () => {
    const step = {
      urn: ONE,
      type: "t:i:Bucket",
      name: "one",
      provider: null,
      parent: null,
      dependencies: [],
      protect: false,
    };
    const change = { path: "size", kind: "update" as const, replaces: false, before: 1, known: true };
    const found = (after: number) =>
      seal(FACTS, stepsOfReport([{ ...step, operation: "update", changes: [{ ...change, after }] }]), {});
    expect(compare(found(2), found(2))).toMatchObject({ binding: "exact" });
    expect(compare(found(2), found(3))).toMatchObject({ stale: [{ urn: ONE, path: "size", was: 2, is: 3 }] });
  });
});

describe("a plan with the credentials of providers left open", () => {
  const providers = [{ urn: PROVIDER, name: "t", version: null, secretProperties: ["token"] }];

  test("accepts another token, and nothing else is touched", () => {
    const plan = planOf({ token: secret("1") });
    const open = withOpenCredentials(plan, providers);
    expect(open.resourcePlans?.[PROVIDER]?.goal?.inputDiff?.updates).toEqual({
      region: "eu",
      token: UNKNOWN,
    });
    expect(open.resourcePlans?.[ONE]).toEqual(plan.resourcePlans?.[ONE]);
  });

  test("lets a provider that stays as it is be updated in its credentials alone", () => {
    const open = withOpenCredentials(planOf({ providerOps: ["same"] }), providers);
    expect(open.resourcePlans?.[PROVIDER]).toMatchObject({
      steps: ["update"],
      goal: { inputDiff: { updates: { region: "eu", token: UNKNOWN } } },
    });
  });

  test("leaves a provider without credentials bound as it was", () => {
    const plan = planOf({ providerOps: ["same"] });
    const resource = plan.resourcePlans?.[PROVIDER];
    if (resource?.goal) resource.goal.propertyDependencies = { region: [] };
    const [open] = [withOpenCredentials(plan, [])];
    expect(open.resourcePlans?.[PROVIDER]?.steps).toEqual(["same"]);
    expect(open.resourcePlans?.[PROVIDER]?.goal?.inputDiff?.updates).toEqual({ region: "eu" });
  });
});
