import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bearer, insertDeployment, insertStack, tokenOf } from "../../../test/helpers/access.ts";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import type { Actor } from "../access/rules.ts";
import { can } from "../access/rules.ts";
import type { Role } from "../contract/access.ts";
import { Verb } from "../contract/access.ts";
import type { Endpoint } from "../contract/endpoint.ts";
import type { EndpointName } from "../contract/endpoints.ts";
import { endpoints } from "../contract/endpoints.ts";

/** A body of the right form for each endpoint that takes one; `place` is what an address would name. */
const BODIES: Readonly<Record<string, (place: Place) => unknown>> = {
  createToken: () => ({ name: "x" }),
  createOrganisation: () => ({ name: "made" }),
  setMember: () => ({ role: "viewer" }),
  createProject: ({ organisation }) => ({ organisation, name: "new", folder: "/nowhere" }),
  createStack: ({ organisation, project }) => ({ organisation, project, name: "new" }),
  replaceTags: () => ({ tags: {} }),
  setConfig: () => ({ value: "x" }),
  requestDeployment: () => ({ operation: "destroy" }),
  continueDeployment: () => ({}),
  decideHold: () => ({ decision: "keep", reason: "x" }),
  giveConsent: () => ({ steps: ["x"] }),
  setQuarantine: () => ({ release: 1, reason: "x" }),
  liftQuarantine: () => ({ reason: "x" }),
  setRollbackSettings: () => ({}),
  reconcileStack: () => ({}),
  setRequiredGate: () => ({ name: "sound", phase: "before", command: ["true"] }),
  setRetention: () => ({ maxAgeDays: 90, maxBytes: null }),
  runRetention: () => ({ dryRun: true }),
  createSchedule: () => ({ name: "nightly", operation: "preview", cron: "@daily" }),
  previewSchedule: () => ({ cron: "@daily" }),
  remediateDrift: () => ({}),
  createDriftIgnore: () => ({ urn: "*", reason: "known", expiresInDays: 1 }),
  switchDriftVolatile: () => ({ urn: "urn:x", path: "etag", off: true }),
  setStackRules: () => ({ rules: [] }),
  castVote: () => ({ verdict: "approve", seal: "x" }),
  reviewEmergency: () => ({ comment: "x" }),
  rotateKeys: () => ({}),
  rewrapKeys: () => ({}),
  pauseEverything: () => ({ reason: "x" }),
  pauseProject: () => ({ reason: "x" }),
  pauseStack: () => ({ reason: "x" }),
  setInstallationLimit: () => ({ most: 1 }),
  setProjectLimit: () => ({ most: 1 }),
  publishPack: () => ({
    name: "rules",
    version: "1.0.0",
    files: [{ path: "PulumiPolicy.yaml", content: "" }],
  }),
  enablePolicy: () => ({ kind: "protected-types", config: { types: ["x:*"] } }),
  overridePolicies: () => ({ seal: `sha256:${"0".repeat(64)}`, reason: "somebody has to" }),
  createFreeze: () => ({ until: "2100-01-01T00:00:00Z", reason: "x" }),
  previewFreeze: () => ({ until: "2100-01-01T00:00:00Z" }),
  createDestination: () => ({ type: "webhook", name: "ops", url: "https://receiver.example/" }),
  changeDestination: () => ({ paused: true }),
  rotateDestinationSecret: () => ({}),
  setEnvironments: () => ({ stacks: [] }),
  setBudgets: () => ({ budgets: [] }),
  createStackDelivery: ({ organisation, project, stack }) => ({ organisation, project, waves: [[stack]] }),
  setReadinessSettings: () => ({ required: false }),
  tickReadiness: () => ({ item: "on-call" }),
  signOff: () => ({ comment: "x" }),
  recordSecretVersions: () => ({
    versions: [
      {
        slot: "binance",
        arn: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:binance",
        versionId: randomUUID(),
      },
    ],
  }),
  planStateImport: ({ organisation }) => ({ organisation, stacks: [] }),
};
const ALL = Object.entries(endpoints) as [EndpointName, Endpoint][];
const GUARDED = ALL.filter(([, { permission }]) => Verb.safeParse(permission).success);
/** About no organisation: nothing of anybody can be hidden. */
const OF_INSTALLATION = new Set<string>([
  "createOrganisation",
  "removeUser",
  "listKeys",
  "rotateKeys",
  "rewrapKeys",
  "listRetention",
  "setRetention",
  "resetRetention",
  "runRetention",
  "pauseEverything",
  "resumeEverything",
  "setInstallationLimit",
  "removeInstallationLimit",
  "listAlarms",
  "acknowledgeAlarm",
]);

interface Place {
  organisation: string;
  project: string;
  stack: string;
  deployment: string;
  update: string;
  /** Of several stacks; `:delivery` in an address is one of a notification. */
  stackDelivery: string;
}

let api: TestApi;
/** What is really there, in the organisation acme. */
let real: Place;
beforeAll(async () => {
  api = await startTestApi();
  const names = { organisation: "acme", project: "shop", stack: "test" };
  const { stackId } = await insertStack(api.db, names);
  const update = randomUUID();
  await api.db
    .insertInto("updates")
    .values({ id: update, stack_id: stackId, kind: "preview", dry_run: true, principal: "owner" })
    .execute();
  const stackDelivery = randomUUID();
  const { project_id } = await api.db
    .selectFrom("stacks")
    .select("project_id")
    .where("id", "=", stackId)
    .executeTakeFirstOrThrow();
  await api.db
    .insertInto("deliveries")
    .values({ id: stackDelivery, project_id, requested_by: "owner" })
    .execute();
  real = { ...names, deployment: await insertDeployment(api.db, stackId), update, stackDelivery };
});
afterAll(() => api.close());

async function ask(name: EndpointName, place: Place, token: string) {
  const endpoint: Endpoint = endpoints[name];
  const values: Readonly<Record<string, string>> = {
    ...place,
    id:
      endpoint.about === undefined
        ? randomUUID()
        : place[endpoint.about === "delivery" ? "stackDelivery" : endpoint.about],
    category: "journals",
    key: "a:b",
    schedule: "nightly",
    phase: "before",
    name: "sound",
    number: "1",
    member: "somebody",
    group: "ops",
    person: "somebody",
    user: "somebody",
    destination: "nowhere",
    delivery: randomUUID(),
    readerProject: place.project,
    readerStack: place.stack,
    quarantine: randomUUID(),
    rule: randomUUID(),
    alert: randomUUID(),
    check: randomUUID(),
    freeze: randomUUID(),
    signOff: randomUUID(),
    kind: "summary",
  };
  const url = endpoint.path.replace(/:(\w+)/g, (_, part: string) => values[part] ?? `no value for ${part}`);
  const answer = await api.ask(endpoint.method, url, {
    headers: bearer(token),
    ...(endpoint.body === undefined ? {} : { body: BODIES[name]?.(place) }),
  });
  const { instance: _, ...body } = answer.body;
  return { status: answer.status, body, text: JSON.stringify(body) };
}

test("every endpoint that takes a body is asked with one of the right form", async () => {
  const without = ALL.filter(([name, { body }]) => body !== undefined && BODIES[name] === undefined);
  expect(without.map(([name]) => name)).toEqual([]);
});

describe("to an admin of another organisation", () => {
  let token: string;
  beforeAll(async () => {
    token = await tokenOf(api, "eve", { elsewhere: "admin" });
  });

  test.each(GUARDED.filter(([name]) => !OF_INSTALLATION.has(name)).map(([name]) => name))(
    "%s answers 404, word for word as for what is not there",
    async (name) => {
      const missing: Place = {
        organisation: "acmf",
        project: "shoq",
        stack: "tesu",
        deployment: randomUUID(),
        update: randomUUID(),
        stackDelivery: randomUUID(),
      };
      const [foreign, absent] = [await ask(name, real, token), await ask(name, missing, token)];
      expect(foreign.status, foreign.text).toBe(404);
      expect(absent.status, absent.text).toBe(404);
      let asIfMissing = foreign.text;
      for (const part of [
        "deployment",
        "update",
        "stackDelivery",
        "organisation",
        "project",
        "stack",
      ] as const)
        asIfMissing = asIfMissing.replaceAll(
          new RegExp(`(?<=[/ ])${real[part]}(?=[/. ])`, "g"),
          missing[part],
        );
      expect(asIfMissing).toBe(absent.text);
    },
  );

  test.each([
    "listProjects",
    "listStacks",
    "listDeployments",
    "listQueue",
    "listAudit",
    "listOrganisations",
    "listTokens",
  ] as const)("%s shows nothing of it", async (name) => {
    const [mine, owners] = [await ask(name, real, token), await ask(name, real, api.token)];
    expect(mine.status).toBe(200);
    for (const word of ["acme", "shop", real.deployment]) expect(mine.text).not.toContain(word);
    if (name !== "listAudit" && name !== "listTokens") expect(owners.text).toContain("acme");
  });

  test("audit entries of it are not found by asking for them either", async () => {
    await api.ask("PUT", "/v1/organisations/acme/members/insider", { body: { role: "viewer" } });
    for (const query of ["organisation=acme", "action=member.set", "organisation=acme&project=shop"]) {
      const own = await api.ask("GET", `/v1/audit?${query}`, { headers: bearer(token) });
      expect([own.status, own.text.includes("acme")], query).toEqual([200, false]);
    }
    const { body } = await api.ask("GET", "/v1/audit?organisation=acme");
    expect(body.items).not.toEqual([]);
  });
});

describe.each(["viewer", "deployer", "admin"] as const)("to a %s", (role: Role) => {
  let token: string;
  beforeAll(async () => {
    token = await tokenOf(api, `the-${role}`, { acme: role });
  });

  test.each(GUARDED.map(([name]) => name))(
    "%s is forbidden exactly when the role lacks its verb",
    async (name) => {
      const actor: Actor = { id: "x", kind: "user", name: "x", roles: { acme: role }, attempt: null };
      const verb = Verb.parse(endpoints[name].permission);
      const organisation = OF_INSTALLATION.has(name) ? "" : "acme";
      const isAllowed = can(actor, verb, { organisation });
      // Of what is allowed only the permission is asked for here: nothing is changed by a stack of that name.
      const place =
        isAllowed && endpoints[name].method !== "GET"
          ? { ...real, stack: "nothing", project: "nothing" }
          : real;
      const answer = await ask(name, place, token);
      expect(answer.status === 403, `${answer.status} ${answer.text}`).toBe(!isAllowed);
    },
  );
});

test("figures of the whole installation are for the owner, workers and service accounts, whatever their role", async () => {
  const [person, monitor] = [
    await tokenOf(api, "curious", { acme: "admin" }),
    await tokenOf(api, "service:monitor", { acme: "viewer" }),
  ];
  const statuses = [];
  for (const token of [api.token, person, monitor])
    statuses.push((await api.ask("GET", "/metrics", { headers: bearer(token) })).status);
  expect(statuses).toEqual([200, 403, 200]);
});
