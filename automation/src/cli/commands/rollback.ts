import { positive } from "../numbers.ts";
import type { Register } from "../program.ts";
import { type RequestOptions, requestAndWatch, withRequestOptions } from "../request.ts";

export const register: Register = (program, context) => {
  withRequestOptions(program.command("rollback"))
    .description("deploy an earlier good release again, from what was kept of it")
    .option("--to <release>", "the release; by default the good one before the current one", positive("--to"))
    .option("--refresh", "read the real resources first")
    .option("--parallel <n>", "how many resources at a time", positive("--parallel"))
    .action((options: RequestOptions & { to?: number }) =>
      requestAndWatch(context, options, {
        operation: "rollback",
        ...(options.to === undefined ? {} : { release: options.to }),
      }),
    );
};
