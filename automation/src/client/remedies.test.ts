import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { remedyInCommands } from "./remedies.ts";

const SOURCES = path.resolve(import.meta.dirname, "..");
/** The text of a `remedy:` of the sources, on one line or the next. */
const REMEDY = /remedy:\s*(?:"([^"]+)"|`([^`]+)`)/g;

/** Every remedy that the sources hold, with an id in the place of what is filled in. */
function remediesOfSources(): string[] {
  const files = readdirSync(SOURCES, { recursive: true, encoding: "utf8" });
  return files
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .flatMap((file) => [...readFileSync(path.join(SOURCES, file), "utf8").matchAll(REMEDY)])
    .map(([, plain, filled]) => plain ?? (filled ?? "").replaceAll(/\$\{[^}]*\}/g, "0199"));
}

test("a remedy that names a route is told by the command that does the same", () => {
  expect(remedyInCommands("GET /v1/stacks lists them; POST /v1/stacks creates one.")).toBe(
    "`slipway stacks list` lists them; `slipway stacks create` creates one.",
  );
  expect(remedyInCommands("Look at it again: GET /v1/deployments/0199/policies.")).toBe(
    "Look at it again: `slipway policies results 0199`.",
  );
  expect(remedyInCommands("GET /v1/deployments/0199 says how far it has come.")).toBe(
    "`slipway show 0199` says how far it has come.",
  );
  expect(
    remedyInCommands(
      "Sign in: slipway login, or in the console; over HTTP POST /v1/sessions with a person's token.",
    ),
  ).toBe("Sign in: slipway login, or in the console.");
  expect(remedyInCommands("Choose another name.")).toBe("Choose another name.");
});

test("no remedy of the server leaves people with a route that they cannot type", () => {
  const remedies = remediesOfSources();
  expect(remedies.filter((remedy) => remedy.includes("/v1/")).length).toBeGreaterThan(10);
  expect(remedies.map(remedyInCommands).filter((remedy) => remedy.includes("/v1/"))).toEqual([]);
});
