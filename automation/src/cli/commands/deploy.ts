import { collect } from "../options.ts";
import type { Register } from "../program.ts";
import {
  type RequestOptions,
  requestAndWatch,
  withEmergencyOptions,
  withRequestOptions,
  withTargetOptions,
} from "../request.ts";

export const register: Register = (program, context) => {
  withEmergencyOptions(withTargetOptions(withRequestOptions(program.command("deploy"))))
    .description("deploy the project's source as it is now: preview, then update bound by the previewed plan")
    .option("--replace <urn>", "replace this resource; may be repeated", collect)
    .option("--refresh", "read the real resources first")
    .option("--skip-preview", "update without a preview, unbound by a plan")
    .option("--seal <digest>", "only what this seal of a preview is of; anything that moved since ends it")
    .option("--skip-tests", "do not run the tests of slipway.yaml")
    .action((options: RequestOptions) => requestAndWatch(context, options, { operation: "update" }));
};
