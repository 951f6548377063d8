import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { placeOf } from "../components/aws/place.ts";
import { ACCOUNT_ID, REGION } from "../testing/cloud-answers.ts";
import { deployerDocuments } from "./documents.ts";

const page = readFileSync(path.resolve(import.meta.dirname, "../../docs/validation.md"), "utf8");
const { boundary: _, ...documents } = deployerDocuments({
  ...placeOf({ environment: "test", region: REGION, accountId: ACCOUNT_ID, owner: "", keepsData: true }),
  boundaryArn: `arn:aws:iam::${ACCOUNT_ID}:policy/boundary`,
});

const isAllowed = (action: string) =>
  Object.values(documents)
    .flatMap(({ Statement }) => Statement)
    .filter(({ Effect }) => Effect === "Allow")
    .flatMap(({ Action }) => Action)
    .some((pattern) => new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(action));

test("who deploys may do all that a validation asks of AWS, as its page lists it", () => {
  const section = page.split("## Permissions\n")[1] ?? "";
  const asked = [...section.matchAll(/`([a-z0-9-]+:[A-Za-z]+)`/g)].map((match) => match[1] ?? "");
  expect(asked.length).toBeGreaterThan(20);
  expect(asked.filter((action) => !isAllowed(action))).toEqual([]);
});
