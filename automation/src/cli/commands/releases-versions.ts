import type { Command } from "commander";
import { formatAge } from "../../client/formats.ts";
import type { Client } from "../../client/index.ts";
import type { StackPath } from "../../contract/identifiers.ts";
import type { ReleaseShipment } from "../../contract/release-shipment.ts";
import { SlipwayError } from "../../errors.ts";
import { connect } from "../connection.ts";
import type { CliContext, StackOptions } from "../context.ts";
import { positive } from "../numbers.ts";
import { withStackOptions } from "../options.ts";
import { printJson, printLine, printTable } from "../output.ts";
import { allPages } from "../pages.ts";
import { chooseStack, withStackArgument } from "../stack-choice.ts";

interface Options extends StackOptions {
  readonly release?: number;
  readonly limit: number;
}
/** Digits of a digest that people compare. */
const SHORT = 10;

/** Adds `releases versions`: what releases of a stack of the target aws put in place, from Slipway's record. */
export function registerVersions(releases: Command, context: CliContext): void {
  withStackOptions(releases.command("versions"))
    .description(
      "list the versions of functions that releases of a stack on AWS put in place; with --release, also those of the site's objects",
    )
    .argument("[stack]", "instead of --stack")
    .option("--release <n>", "of this release alone", positive("--release"))
    .option("--limit <n>", "how many releases, newest first", positive("--limit"), 10)
    .action(async (given: string | undefined, options: Options) => {
      const client = await connect(context, options);
      const stack = await chooseStack(context, client, withStackArgument(options, given));
      const shipments =
        options.release === undefined
          ? await newest(client, stack, options.limit)
          : [await client.getShipment({ params: { ...stack, number: options.release } })];
      if (options.json === true) {
        printJson(context, shipments);
        return;
      }
      printFunctions(context, shipments);
      const [only] = shipments;
      if (options.release !== undefined && only !== undefined) printFiles(context, only);
    });
}

async function newest(client: Client, stack: StackPath, limit: number): Promise<ReleaseShipment[]> {
  const releases = await allPages((page) => client.listReleases({ params: stack, query: page }), limit);
  const shipments: ReleaseShipment[] = [];
  for (const { number } of releases) {
    try {
      shipments.push(await client.getShipment({ params: { ...stack, number } }));
    } catch (thrown) {
      // A release that failed before it shipped, or that is of another target, has put nothing in place.
      if (!(thrown instanceof SlipwayError) || thrown.code !== "release_not_found") throw thrown;
    }
  }
  return shipments;
}

function printFunctions(context: CliContext, shipments: readonly ReleaseShipment[]): void {
  const now = Date.now();
  printTable(
    context,
    ["RELEASE", "FUNCTION", "VERSION", "PACKAGE", "FILES", "WHEN"],
    shipments.flatMap((shipment) => {
      const release = `${shipment.release}${noteOf(shipment)}`;
      const files = String(Object.values(shipment.site).filter(isServed).length);
      const when = formatAge(shipment.shippedAt, now);
      const functions = Object.entries(shipment.functions).toSorted(byName);
      if (functions.length === 0) return [[release, "", "", "", files, when]];
      return functions.map(([name, { version, sha256 }]) => [
        release,
        name,
        version,
        sha256.slice(0, SHORT),
        files,
        when,
      ]);
    }),
    "No release of this stack put anything in place on AWS.",
  );
}

function printFiles(context: CliContext, shipment: ReleaseShipment): void {
  printLine(context);
  printTable(
    context,
    ["OBJECT", "VERSION", "CACHE-CONTROL", "CONTENT"],
    Object.entries(shipment.site)
      .toSorted(byName)
      .map(([key, file]) => [
        isServed(file) ? key : `${key} (of an earlier release)`,
        file.versionId,
        file.cacheControl,
        file.sha256.slice(0, SHORT),
      ]),
    "The release has no site.",
  );
}

function noteOf({ serves, restoredFrom }: ReleaseShipment): string {
  const notes = [
    ...(serves ? ["serves"] : []),
    ...(restoredFrom === null ? [] : [`as release ${restoredFrom}`]),
  ];
  return notes.length === 0 ? "" : ` (${notes.join(", ")})`;
}

const isServed = ({ retiredAt }: ReleaseShipment["site"][string]): boolean => retiredAt === undefined;

function byName([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : 1;
}
