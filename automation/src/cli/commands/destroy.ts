import { formatResourceCount } from "../../client/formats.ts";
import { confirmed } from "../hidden-input.ts";
import type { Register } from "../program.ts";
import {
  type RequestOptions,
  requestAndWatch,
  withEmergencyOptions,
  withRequestOptions,
  withTargetOptions,
} from "../request.ts";
import { stackLabel } from "../stack-choice.ts";

interface Options extends RequestOptions {
  readonly yes?: boolean;
}

export const register: Register = (program, context) => {
  withEmergencyOptions(withTargetOptions(withRequestOptions(program.command("destroy"))))
    .description("delete all resources of a stack; the stack, its releases and its history stay")
    .option("--refresh", "read the real resources first")
    .option("-y, --yes", "do not ask for confirmation")
    .action((options: Options) =>
      requestAndWatch(context, options, { operation: "destroy" }, async (client, stack) => {
        if (options.yes === true) return true;
        const { resourceCount } = await client.getStack({ params: stack });
        const what = `${formatResourceCount(resourceCount)} of ${stackLabel(stack)}`;
        return confirmed(context, `This deletes ${what}. Go on?`, "--yes");
      }),
    );
};
