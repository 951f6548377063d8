import { expect, test } from "vitest";
import { checkRemoval, fullConfigKey } from "./rules.ts";

test("a bare config key gets the project's namespace, another one keeps its own", () => {
  expect(fullConfigKey("size", "shop")).toBe("shop:size");
  expect(fullConfigKey("aws:region", "shop")).toBe("aws:region");
});

test.each([
  [{ resourceCount: null, open: 0, isHeld: false, wasChanged: false }, undefined],
  [{ resourceCount: 0, open: 0, isHeld: false, wasChanged: true }, undefined],
  [{ resourceCount: 0, open: 1, isHeld: false, wasChanged: true }, "conflict"],
  [{ resourceCount: 0, open: 0, isHeld: true, wasChanged: true }, "conflict"],
  [{ resourceCount: 3, open: 0, isHeld: false, wasChanged: true }, "stack_not_empty"],
  [{ resourceCount: null, open: 0, isHeld: false, wasChanged: true }, "stack_not_empty"],
])("removing a stack with %j answers %s", (use, code) => {
  if (code === undefined) expect(() => checkRemoval(use)).not.toThrow();
  else expect(() => checkRemoval(use)).toThrow(expect.objectContaining({ code }) as Error);
});
