import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { VALIDATION_GROUPS, ValidationSettings } from "../../contract/aws/validation.ts";

const root = path.resolve(import.meta.dirname, "../../../..");
const page = readFileSync(path.join(root, "docs/validation.md"), "utf8");

test("the page about validation names every group in its order, and every setting", () => {
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \| /gm)].map((match) => match[1] ?? "");
  expect(rows).toEqual([...VALIDATION_GROUPS]);
  for (const setting of Object.keys(ValidationSettings.shape)) expect(page).toContain(`\`${setting}: `);
});

test("the page asks for a permission of every kind of client that the checks use", () => {
  const files = ["dns", "certificates", "data-stores", "frontend", "monitoring-reader", "test-alert"];
  const code = files
    .map((file) => readFileSync(path.join(import.meta.dirname, `${file}.ts`), "utf8"))
    .join("\n");
  const calls = [...code.matchAll(/new (\w+?)Command\(/g)].map((match) => match[1] ?? "");
  // API Gateway has one permission for all that is read, and an import has a name of its own here.
  const renamed: Readonly<Record<string, string>> = { DescribeTimeSeries: "DescribeTable" };
  const own = calls.filter((call) => !["GetApiMappings", "GetDomainName"].includes(call));
  expect(own.length).toBeGreaterThan(15);
  for (const call of own) expect(page).toContain(`:${renamed[call] ?? call}\``);
  expect(page).toContain("`apigateway:GET`");
});
