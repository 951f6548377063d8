import { formatAge } from "../../client/formats.ts";
import type { Release } from "../../contract/releases.ts";
import { connect } from "../connection.ts";
import type { StackOptions } from "../context.ts";
import { positive } from "../numbers.ts";
import { withStackOptions } from "../options.ts";
import { printJson, printTable } from "../output.ts";
import { allPages } from "../pages.ts";
import type { Register } from "../program.ts";
import { chooseStack } from "../stack-choice.ts";
import { registerVersions } from "./releases-versions.ts";

interface Options extends StackOptions {
  readonly limit: number;
}
/** Digits of a commit or a digest that people compare. */
const SHORT = 10;

export const register: Register = (program, context) => {
  const releases = program
    .command("releases")
    .description("the releases of a stack, and the versions that they put in place on AWS");

  withStackOptions(releases.command("list", { isDefault: true }))
    .description("list the releases of a stack, newest first")
    .option("--limit <n>", "how many", positive("--limit"), 20)
    .action(async (options: Options) => {
      const client = await connect(context, options);
      const stack = await chooseStack(context, client, options);
      const [{ currentRelease }, found] = await Promise.all([
        client.getStack({ params: stack }),
        allPages((page) => client.listReleases({ params: stack, query: page }), options.limit),
      ]);
      if (options.json === true) {
        printJson(context, found);
        return;
      }
      const now = Date.now();
      printTable(
        context,
        ["RELEASE", "HEALTH", "SOURCE", "BY", "WHEN", "WHY"],
        found.map((one) => [
          `${one.number}${one.number === currentRelease ? " (current)" : ""}`,
          `${one.health}${one.quarantined ? ", quarantined" : ""}`,
          sourceOf(one),
          one.requestedBy,
          formatAge(one.createdAt, now),
          one.message ?? (one.rollbackOf === null ? "" : `rollback to release ${one.rollbackOf}`),
        ]),
        "No releases yet. A deployment that completes records one.",
      );
    });

  registerVersions(releases, context);
};

function sourceOf(release: Release): string {
  if (release.commit === null) return release.sourceDigest.slice("sha256:".length).slice(0, SHORT);
  return `${release.commit.slice(0, SHORT)}${release.dirty ? " with changes" : ""}`;
}
