import { collect } from "../options.ts";
import type { Register } from "../program.ts";
import { type RequestOptions, requestAndWatch, withRequestOptions, withTargetOptions } from "../request.ts";

export const register: Register = (program, context) => {
  withTargetOptions(withRequestOptions(program.command("preview")))
    .description("show what a deployment would change; changes nothing")
    .option("--replace <urn>", "replace this resource; may be repeated", collect)
    .option("--refresh", "compare with the real resources instead of the recorded ones")
    .action((options: RequestOptions) => requestAndWatch(context, options, { operation: "preview" }));
};
