import type { AwsManifest } from "../../contract/aws/manifest.ts";
import type { ValidationSettings } from "../../contract/aws/validation.ts";
import type { AwsContext } from "../task.ts";
import type { Requester } from "./request.ts";

/** Calls to AWS are tried this often: throttling is no finding about the system. */
const ATTEMPTS = 6;

/** What the checks of every group are given. */
export interface Scope {
  manifest: AwsManifest;
  settings: ValidationSettings;
  /** When the release that is checked was put in place. */
  deployedAt: Date;
  context: AwsContext;
  now: () => Date;
  request: Requester;
}

/** Settings of an AWS client; `region` for what lives in another one than the stack. */
export function clientSettings(context: AwsContext, region = context.region) {
  return {
    region,
    maxAttempts: ATTEMPTS,
    ...(context.endpoint === undefined ? {} : { endpoint: context.endpoint }),
  };
}
