import { beforeAll, describe, expect, test } from "vitest";
import { placeOf } from "../components/aws/place.ts";
import { privilegeProblems } from "../policies/privileges.ts";
import { ACCOUNT_ID, REGION } from "../testing/cloud-answers.ts";
import { DECLARING_TIMEOUT_MS, type Declared, declare } from "../testing/graph.ts";
import { configOf } from "../testing/stack-config.ts";
import { deployerDocuments } from "./documents.ts";
import type { PlainDocument } from "./statement.ts";

const boundaryArn = `arn:aws:iam::${ACCOUNT_ID}:policy/strategy-desk-test-boundary`;
const documents = deployerDocuments({
  ...placeOf({ environment: "test", region: REGION, accountId: ACCOUNT_ID, owner: "", keepsData: true }),
  boundaryArn,
});
const { boundary, ...ofDeployer } = documents;

/** What AWS allows of a managed policy, in characters without white space. */
const LONGEST = 6144;

test.each(Object.entries(documents))(
  "the document %s fits into a policy, and grants nothing too wide",
  (_, document) => {
    expect(JSON.stringify(document).length).toBeLessThanOrEqual(LONGEST);
    expect(privilegeProblems(JSON.stringify(document))).toEqual([]);
  },
);

test("who deploys reads no secret and no table, and cannot take the boundary away", () => {
  const actions = Object.values(ofDeployer).flatMap(({ Statement }) =>
    Statement.flatMap(({ Action }) => Action),
  );
  const forbidden = [
    "secretsmanager:GetSecretValue",
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "iam:DeleteRolePermissionsBoundary",
    "iam:CreatePolicyVersion",
    "iam:CreateUser",
    "sts:AssumeRole",
  ];
  for (const action of forbidden) expect(actions.filter((pattern) => matches(pattern, action))).toEqual([]);
});

describe.each(["liveanalytics", "influxdb"])("the boundary of a stack with %s", (timeSeries) => {
  let policies: Declared[];
  beforeAll(async () => {
    const graph = await declare(
      {
        ...(await configOf("test")),
        "strategyDesk:cache": "redis",
        "strategyDesk:timeSeries": timeSeries,
        "strategyDesk:egress": "nat",
      },
      { secrets: { "strategyDesk:influxFirstPassword": "a-first-password" } },
    );
    policies = graph.resources.filter(({ type }) => type === "aws:iam/rolePolicy:RolePolicy");
  }, DECLARING_TIMEOUT_MS);

  test("lets every function do what its own policy allows", () => {
    expect(policies.length).toBe(7);
    for (const { name, inputs } of policies) {
      const granted = JSON.parse(String(inputs.policy)) as PlainDocument;
      for (const { Action, Resource } of granted.Statement) {
        for (const action of [Action].flat()) {
          const outside = [Resource].flat().filter((resource) => !isAllowed(boundary, action, resource));
          expect({ name, action, outside }).toEqual({ name, action, outside: [] });
        }
      }
    }
  });
});

function isAllowed({ Statement }: PlainDocument, action: string, resource: string): boolean {
  return Statement.some(
    (statement) =>
      [statement.Action].flat().some((pattern) => matches(pattern, action)) &&
      [statement.Resource].flat().some((pattern) => matches(pattern, resource)),
  );
}

function matches(pattern: string, text: string): boolean {
  const parts = pattern.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(text);
}
