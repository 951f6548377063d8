import type { PromotionPreview } from "../../contract/promotions.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { positive } from "../numbers.ts";
import { clean, printJson, printLine } from "../output.ts";
import type { Register } from "../program.ts";
import { type RequestOptions, requestAndWatch, withRequestOptions } from "../request.ts";
import { chooseStack, stackLabel } from "../stack-choice.ts";

interface Options extends RequestOptions {
  readonly from?: string;
  readonly release?: number;
  readonly show?: boolean;
}
/** Digits of a commit or a digest that people compare. */
const SHORT = 10;

export const register: Register = (program, context) => {
  withRequestOptions(program.command("promote"))
    .description(
      "deploy a good release of another stack to this one: the same source and artifacts, this stack's config",
    )
    .option("--from <stack>", "the stack to take from; by default the one before it in the project's order")
    .option("--release <n>", "which release; by default the newest", positive("--release"))
    .option("--show", "only show what would change")
    .option("--refresh", "read the real resources first")
    .option("--parallel <n>", "how many resources at a time", positive("--parallel"))
    .action(async (options: Options) => {
      const client = await connect(context, options);
      const stack = await chooseStack(context, client, options);
      const preview = await client.previewPromotion({
        params: stack,
        query: {
          ...(options.from === undefined ? {} : { from: options.from }),
          ...(options.release === undefined ? {} : { release: options.release }),
        },
      });
      const isShown = options.show === true;
      if (isShown && options.json === true) {
        printJson(context, preview);
        return;
      }
      if (options.json !== true) printPromotion(context, preview, stackLabel(stack));
      if (isShown) return;
      const { stack: from, release } = preview.from;
      await requestAndWatch(
        context,
        { ...options, stack: `${stack.organisation}/${stack.project}/${stack.stack}` },
        // The release that was shown, also when another one is recorded meanwhile.
        { operation: "update", promote: { stack: from, release } },
      );
    });
};

function printPromotion(context: CliContext, preview: PromotionPreview, target: string): void {
  const { from, current, refusal } = preview;
  const say = (line: string): void => printLine(context, clean(line));
  say(`Release ${from.release} of ${from.stack} (${from.health}, source ${sourceOf(from)}) to ${target}`);
  say(
    current === null
      ? "  it has no release yet"
      : preview.sameSource
        ? `  the source is the same as of its release ${current.release}`
        : `  the source is another one: its release ${current.release} is of ${sourceOf(current)}`,
  );
  if (current !== null && !preview.sameLockfile) say("  the dependencies are other ones");
  const artifacts = preview.artifacts.filter(({ change }) => change !== "same");
  if (artifacts.length > 0)
    say(`  artifacts: ${artifacts.map(({ name, change }) => `${name} ${change}`).join(", ")}`);
  if (preview.config.length > 0) {
    const keys = preview.config.map(({ key, change }) => `${key} ${DIFFERS[change]}`);
    say(`  config of the two stacks: ${keys.join(", ")}`);
  }
  for (const { name, from: before, to } of preview.versions)
    say(`  ${name} ${before ?? "none"} -> ${to ?? "none"}`);
  if (refusal !== null) say(`  it would be refused: ${refusal.detail}`);
}

const DIFFERS = { changed: "differs", added: "only there", removed: "only here" } as const;

function sourceOf({ commit, sourceDigest }: { commit: string | null; sourceDigest: string }): string {
  return (commit ?? sourceDigest.slice("sha256:".length)).slice(0, SHORT);
}
