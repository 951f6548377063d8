import { describe, expect, test } from "vitest";
import { Verb } from "./access.ts";
import { RequestDeployment } from "./deployments.ts";
import type { Endpoint } from "./endpoint.ts";
import { endpoints } from "./endpoints.ts";
import { CreateSchedule } from "./schedules.ts";
import { CreateStackDelivery } from "./stack-deliveries.ts";

/*
 * A preview runs its author's code with the stack's credentials. What is previewed is the project's folder on the server, or a release that was good: a pull request has no way in.
 */
const BRINGING = [
  "source",
  "sourceDigest",
  "archive",
  "folder",
  "repository",
  "url",
  "ref",
  "branch",
  "commit",
  "pullRequest",
];
const ASKING = [
  ["a deployment", RequestDeployment, { operation: "preview" }],
  ["a schedule", CreateSchedule, { name: "nightly", operation: "preview", cron: "@daily" }],
  ["a delivery", CreateStackDelivery, { project: "shop", waves: [["test"]] }],
] as const;

describe("T29: what asks for a preview brings no source of its own", () => {
  test.each(ASKING)("not %s", (_, form, body) => {
    expect(form.safeParse(body).success).toBe(true);
    for (const name of BRINGING) {
      const { error } = form.safeParse({ ...body, [name]: "refs/pull/7/head" });
      expect(error?.issues, name).toMatchObject([{ code: "unrecognized_keys", keys: [name] }]);
    }
  });

  test("and needs a right on its stack: without one somebody can sign in, make a token and plan an import", () => {
    const open = (Object.entries(endpoints) as [string, Endpoint][])
      .filter(([, { method, permission }]) => method !== "GET" && !Verb.safeParse(permission).success)
      .map(([name]) => name);
    expect(open.sort()).toEqual(["createToken", "planStateImport", "revokeToken", "signIn", "signOut"]);
  });
});
