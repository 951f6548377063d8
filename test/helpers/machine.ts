import type { TestContext } from "vitest";

/** Skips a test, with the reason that is printed at the end of `npm test`, on a machine that cannot run it. */
export function needs(context: TestContext, what: "root" | "linux"): void {
  if (what === "root")
    context.skip(process.getuid?.() !== 0, "needs root: another user has to be changed to");
  else context.skip(process.platform !== "linux", "needs Linux: namespaces and /proc");
}
