import type { Register } from "../program.ts";
import { type RequestOptions, requestAndWatch, withRequestOptions, withTargetOptions } from "../request.ts";

export const register: Register = (program, context) => {
  withTargetOptions(withRequestOptions(program.command("refresh")))
    .description("read the real resources back into the state; changes no resource")
    .action((options: RequestOptions) => requestAndWatch(context, options, { operation: "refresh" }));
};
