import { expect, test } from "vitest";
import { stacksAmong, strangersAmong } from "./layout.ts";

function objects(...keys: string[]) {
  return keys.map((key, index) => ({ key, modifiedAt: new Date(index) }));
}

test("a stack is found with its history in order, its tags and its locks", () => {
  const [stack, ...others] = stacksAmong(
    objects(
      ".pulumi/meta.yaml",
      ".pulumi/stacks/shop/dev.json",
      ".pulumi/stacks/shop/dev.json.attrs",
      ".pulumi/stacks/shop/dev.json.bak",
      ".pulumi/stacks/shop/dev.pulumi-tags",
      ".pulumi/history/shop/dev/dev-10000000000000000000.history.json",
      ".pulumi/history/shop/dev/dev-9999999999999999999.history.json.gz",
      ".pulumi/history/shop/dev/dev-9999999999999999999.checkpoint.json.gz",
      ".pulumi/history/shop/dev/dev-1.checkpoint.json",
      ".pulumi/history/shop/dev2/dev2-5.history.json",
      ".pulumi/locks/organization/shop/dev/a.json",
      ".pulumi/locks/organization/shop/dev2/b.json",
      ".pulumi/backups/shop/dev/dev.1.json",
    ),
    { legacy: false },
  );
  expect(others).toEqual([]);
  expect(stack).toEqual({
    project: "shop",
    stack: "dev",
    checkpointKey: ".pulumi/stacks/shop/dev.json",
    tagsKey: ".pulumi/stacks/shop/dev.pulumi-tags",
    lockKeys: [".pulumi/locks/organization/shop/dev/a.json"],
    // By the number, not by the text; a copy of a state without its entry is no update.
    history: [
      {
        at: 9999999999999999999n,
        historyKey: ".pulumi/history/shop/dev/dev-9999999999999999999.history.json.gz",
        checkpointKey: ".pulumi/history/shop/dev/dev-9999999999999999999.checkpoint.json.gz",
      },
      {
        at: 10000000000000000000n,
        historyKey: ".pulumi/history/shop/dev/dev-10000000000000000000.history.json",
        checkpointKey: null,
      },
    ],
  });
});

test("without projects the stacks lie directly below, and so do their locks", () => {
  const found = stacksAmong(
    objects(".pulumi/stacks/dev.json.gz", ".pulumi/stacks/shop/dev.json", ".pulumi/locks/dev/a.json"),
    { legacy: true },
  );
  expect(found).toMatchObject([{ project: null, stack: "dev", lockKeys: [".pulumi/locks/dev/a.json"] }]);
});

test("names that would lead elsewhere are no stacks, but are not passed over in silence", () => {
  const all = objects(
    ".pulumi/stacks/a/b/c.json",
    ".pulumi/stacks/..x/dev.json",
    ".pulumi/stacks/dev.json",
    ".pulumi/stacks/shop/-x.json",
  );
  expect(stacksAmong(all, { legacy: false })).toEqual([]);
  expect(strangersAmong(all, { legacy: false })).toEqual(all.map((one) => one.key));
});
