import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { bearer, insertDeployment, insertStack, tokenOf } from "../../../test/helpers/access.ts";
import type { AnswerBody, TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { requestersOf } from "../approvals/requesters-store.ts";
import { refuseUnchecked } from "./refuse.ts";
import { findOverride, readPolicySet, usableOverride, useOverride } from "./store.ts";

const POLICIES = "/v1/organisations/default/policies";
const PACKS = "/v1/organisations/default/policy-packs";
const SEAL = `sha256:${"1".repeat(64)}`;
const CONTENT = `sha256:${"2".repeat(64)}`;

let api: TestApi;
let stackId: string;
beforeAll(async () => {
  api = await startTestApi();
  ({ stackId } = await insertStack(api.db, { project: "shop", stack: "test" }));
});
afterAll(() => api.close());

const file = (path: string, text: string) => ({ path, content: Buffer.from(text).toString("base64") });
const PACK_FILES = [
  file("PulumiPolicy.yaml", "runtime: nodejs\n"),
  file("package.json", "{}"),
  file("package-lock.json", "{}"),
  file("index.js", ""),
];
const publish = (more: Record<string, unknown> = {}) =>
  api.ask("POST", PACKS, { body: { name: "house", version: "1.0.0", files: PACK_FILES, ...more } });

describe("a pack", () => {
  test("is published once for each version, and equal files have one digest", async () => {
    const first = await publish();
    expect(first.status, first.text).toBe(201);
    expect((await publish()).body.code).toBe("already_exists");
    const second = await publish({ version: "1.0.1", files: PACK_FILES.toReversed() });
    expect(second.body.digest).toBe(first.body.digest);
  });

  test.each([
    ["without PulumiPolicy.yaml", PACK_FILES.slice(1)],
    ["without a lockfile", PACK_FILES.filter(({ path }) => path !== "package-lock.json")],
    ["of another language", [file("PulumiPolicy.yaml", "runtime: python\n"), ...PACK_FILES.slice(1)]],
    ["with a path that leaves it", [...PACK_FILES, file("../../etc/passwd", "x")]],
    ["with an absolute path", [...PACK_FILES, file("/etc/passwd", "x")]],
    ["with installed packages", [...PACK_FILES, file("node_modules/a/index.js", "x")]],
    ["with a file twice", [...PACK_FILES, file("index.js", "y")]],
  ])("%s is refused", async (_, files) => {
    const answer = await publish({ version: "9.9.9", files });
    expect([answer.status, answer.body.code], answer.text).toEqual([422, "policy_pack_invalid"]);
  });
});

describe("a rule", () => {
  test("counts for the stacks that it names, moves version and digest, and is ended", async () => {
    await publish({ version: "2.0.0" });
    const before = await readPolicySet(api.db, stackId);
    const body = { kind: "pack", pack: "house", version: "2.0.0", project: "shop" };
    const made = await api.ask("POST", POLICIES, { body });
    expect(made.status, made.text).toBe(201);
    const with1 = await readPolicySet(api.db, stackId);
    expect(with1.version).toBe(before.version + 1);
    expect(with1.digest).not.toBe(before.digest);
    await expect(refuseUnchecked(api.db, stackId, "A run")).rejects.toMatchObject({
      code: "policies_required",
    });
    const shown = await api.ask("GET", "/v1/stacks/default/shop/test/policies");
    expect(shown.body).toMatchObject({
      digest: with1.digest,
      rules: [{ id: made.body.id, pack: { name: "house" } }],
    });

    expect((await api.ask("DELETE", `${POLICIES}/${made.body.id}`)).status).toBe(204);
    expect((await readPolicySet(api.db, stackId)).digest).toBe(before.digest);
    await expect(refuseUnchecked(api.db, stackId, "A run")).resolves.toBeUndefined();
    expect((await api.ask("DELETE", `${POLICIES}/${made.body.id}`)).status).toBe(404);
    const audit = await api.ask("GET", "/v1/audit?organisation=default");
    expect(audit.body.items.map(({ action }) => action)).toEqual(
      expect.arrayContaining(["policy.enabled", "policy.disabled", "policy.pack_published"]),
    );
  });

  test("for a pack, a version or a project that is not there is 404, and nothing is made", async () => {
    const rule = { kind: "pack", pack: "house", version: "1.0.0" };
    for (const body of [
      { ...rule, pack: "hut" },
      { ...rule, version: "7.0.0" },
      { ...rule, project: "shed" },
    ]) {
      expect((await api.ask("POST", POLICIES, { body })).status).toBe(404);
    }
    expect((await api.ask("GET", POLICIES)).body.rules).toEqual([]);
  });
});

describe("an override", () => {
  let deployment: string;
  let rule: string;
  beforeEach(async () => {
    await api.db.deleteFrom("policy_overrides").execute();
    const body = { kind: "protected-types", overridable: true, config: { types: ["ledger:*"] } };
    rule = (await api.ask("POST", POLICIES, { body })).body.id;
    deployment = await stopped(rule);
  });

  /** A deployment that a rule has stopped. */
  async function stopped(ruleId: string): Promise<string> {
    const id = await insertDeployment(api.db, stackId);
    await api.db
      .updateTable("deployments")
      .set({ status: "failed", finished_at: new Date() })
      .where("id", "=", id)
      .execute();
    await api.db
      .insertInto("policy_checks")
      .values({
        deployment_id: id,
        attempt: 1,
        set_digest: SEAL,
        set_version: 1,
        packs: "[]",
        content: CONTENT,
        seal: SEAL,
        stopped: true,
      })
      .execute();
    await api.db
      .insertInto("policy_results")
      .values({
        deployment_id: id,
        attempt: 1,
        step: "preview",
        rule_id: ruleId,
        pack: "slipway",
        version: null,
        policy: "protected-types",
        level: "mandatory",
        outcome: "violated",
        urn: "urn:a",
        message: "would be deleted",
      })
      .execute();
    return id;
  }
  const override = (
    token: string,
    more: Record<string, unknown> = {},
  ): Promise<{ status: number; body: AnswerBody; text: string }> =>
    api.ask("POST", `/v1/deployments/${deployment}/policy-override`, {
      headers: bearer(token),
      body: { seal: SEAL, reason: "it is empty anyhow", ...more },
    });

  test("is a right of its own: neither an admin nor a service account has it by a role", async () => {
    const admin = await tokenOf(api, "adam", { default: "admin" });
    const service = await tokenOf(api, "service:ci", { default: "deployer" });
    expect((await override(admin)).body.code).toBe("forbidden");
    expect((await override(service)).body.code).toBe("forbidden");
    const path = "/v1/organisations/default/policy-overriders/adam";
    expect((await api.ask("PUT", path)).status).toBe(200);
    expect((await api.ask("PUT", "/v1/organisations/default/policy-overriders/nobody")).status).toBe(404);
    const made = await override(admin);
    expect(made.status, made.text).toBe(201);
    expect((await override(admin)).body.code).toBe("already_exists");
    await api.ask("DELETE", path);
    deployment = await stopped(rule);
    expect((await override(admin)).body.code).toBe("forbidden");
  });

  test("is for what was seen, with a reason, and only where the rule allows it", async () => {
    expect((await override(api.token, { seal: CONTENT })).body.code).toBe("conflict");
    expect((await override(api.token, { reason: "because" })).status).toBe(422);
    const body = { kind: "protected-types", config: { types: ["x:*"] } };
    deployment = await stopped((await api.ask("POST", POLICIES, { body })).body.id);
    expect((await override(api.token)).body.detail).toContain("nobody can pass over");
    await api.db
      .updateTable("policy_checks")
      .set({ stopped: false })
      .where("deployment_id", "=", deployment)
      .execute();
    expect((await override(api.token)).body.detail).toContain("No policy has stopped");
  });

  test("lets one deployment through, of the same stack and content, and names who answered", async () => {
    const { body } = await override(api.token);
    const [next, later] = [await insertDeployment(api.db, stackId), await insertDeployment(api.db, stackId)];
    const asked = { stackId, deploymentId: next, content: CONTENT };
    expect(await usableOverride(api.db, { ...asked, content: SEAL })).toBeUndefined();
    expect(await usableOverride(api.db, asked)).toMatchObject({ id: body.id });
    const use = (id: string) => api.db.transaction().execute((trx) => useOverride(trx, body.id, id));
    expect(await use(next)).toBe(true);
    // Its next attempt, after votes, uses it again; nobody else does.
    expect(await use(next)).toBe(true);
    expect(await use(later)).toBe(false);
    expect(await usableOverride(api.db, { ...asked, deploymentId: later })).toBeUndefined();
    expect(await findOverride(api.db, { usedBy: next })).toMatchObject({ overriddenBy: "owner" });
    expect(await findOverride(api.db, { usedBy: later })).toBeUndefined();
    // Whatever has become good between the answer and the change that goes by it.
    const answered = async (id: string) =>
      (await requestersOf(api.db, id, [])).filter(({ why }) => why.startsWith("answered for"));
    expect(await answered(next)).toMatchObject([{ principal: "owner" }]);
    expect(await answered(later)).toEqual([]);
  });

  test("lapses by the database's clock", async () => {
    const { body } = await override(api.token);
    await api.db
      .updateTable("policy_overrides")
      .set({ expires_at: new Date(0) })
      .where("id", "=", body.id)
      .execute();
    const next = await insertDeployment(api.db, stackId);
    expect(await usableOverride(api.db, { stackId, deploymentId: next, content: CONTENT })).toBeUndefined();
    expect(await api.db.transaction().execute((trx) => useOverride(trx, body.id, next))).toBe(false);
  });
});
