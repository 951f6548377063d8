import { positive } from "../numbers.ts";
import { collect } from "../options.ts";
import type { Register } from "../program.ts";
import {
  type RequestOptions,
  requestAndWatch,
  withEmergencyOptions,
  withRequestOptions,
} from "../request.ts";

interface Options extends RequestOptions {
  readonly to?: number;
  readonly cancelRunning?: boolean;
  readonly consent?: readonly string[];
}

export const register: Register = (program, context) => {
  withEmergencyOptions(withRequestOptions(program.command("rollback")))
    .description("deploy an earlier good release again, from what was kept of it")
    .option("--to <release>", "the release; by default the good one before the current one", positive("--to"))
    .option("--cancel-running", "cancel what runs on the stack first, and begin as soon as the stack is free")
    .option(
      "--consent <step>",
      "agree to a step that cannot be undone, by its id as a preview of this rollback named it; may be repeated",
      collect,
    )
    .option("--refresh", "read all real resources first, not only what was touched since")
    .option("--parallel <n>", "how many resources at a time", positive("--parallel"))
    .action((options: Options) =>
      requestAndWatch(context, options, {
        operation: "rollback",
        ...(options.to === undefined ? {} : { release: options.to }),
        ...(options.cancelRunning === undefined ? {} : { cancelRunning: options.cancelRunning }),
        ...(options.consent === undefined ? {} : { consent: [...options.consent] }),
      }),
    );
};
