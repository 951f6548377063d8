import {
  type FunctionConfiguration,
  GetFunctionConfigurationCommand,
  type GetFunctionConfigurationCommandOutput,
} from "@aws-sdk/client-lambda";
import type { ManifestFunction } from "../../contract/aws/manifest.ts";
import { SlipwayError } from "../../errors.ts";
import { ask, type Shipping } from "../shipping.ts";
import { waitUntil } from "../wait-until.ts";

const LATEST = "$LATEST";

/** Reads a function's configuration: of a version, or of what the next version will be. */
export function readConfiguration(
  shipping: Shipping,
  { name }: ManifestFunction,
  version = LATEST,
): Promise<GetFunctionConfigurationCommandOutput> {
  return ask(
    shipping,
    {
      operation: "lambda:GetFunctionConfiguration",
      resource: `function ${name}${version === LATEST ? "" : `:${version}`}`,
    },
    (options) =>
      shipping.lambda.send(
        new GetFunctionConfigurationCommand({
          FunctionName: name,
          ...(version === LATEST ? {} : { Qualifier: version }),
        }),
        options,
      ),
  );
}

/** Waits until a function, or a version of it, can be called and nothing is being changed about it. */
export async function whenReady(
  shipping: Shipping,
  declared: ManifestFunction,
  version = LATEST,
): Promise<FunctionConfiguration> {
  const { functionSeconds, functionPollSeconds } = shipping.limits;
  let last = "nothing";
  return waitUntil(
    { limitSeconds: functionSeconds, everySeconds: functionPollSeconds, signal: shipping.signal },
    async () => {
      const seen = await readConfiguration(shipping, declared, version);
      last = `${seen.State ?? ""} ${seen.LastUpdateStatus ?? ""}`.trim();
      if (seen.State === "Failed" || seen.LastUpdateStatus === "Failed") {
        throw new SlipwayError(
          "aws_refused",
          `Function ${declared.name} does not take its code: ${seen.LastUpdateStatusReason ?? seen.StateReason ?? last}.`,
          { remedy: "Correct what AWS names, then deploy again." },
        );
      }
      return seen.State === "Pending" || seen.LastUpdateStatus === "InProgress" ? undefined : seen;
    },
    () =>
      new SlipwayError(
        "aws_timeout",
        `Function ${declared.name} was not ready within ${functionSeconds} seconds (${last}).`,
        { remedy: "Look at the function in AWS, then deploy again." },
      ),
  );
}

/** What differs between versions although nobody configured it. */
const NOT_CONFIGURED = [
  "$metadata",
  "CodeSha256",
  "CodeSize",
  "ConfigSha256",
  "FunctionArn",
  "LastModified",
  "LastUpdateStatus",
  "LastUpdateStatusReason",
  "LastUpdateStatusReasonCode",
  "MasterArn",
  "RevisionId",
  "RuntimeVersionConfig",
  "SnapStart",
  "State",
  "StateReason",
  "StateReasonCode",
  "Version",
];

/** Whether two versions of a function are configured alike. A field that is not known here counts: a version too many is better than a change that is not shipped. */
export function configuredAlike(one: FunctionConfiguration, other: FunctionConfiguration): boolean {
  return comparable(one) === comparable(other);
}

function comparable(configuration: FunctionConfiguration): string {
  const kept = Object.entries(configuration).filter(([field]) => !NOT_CONFIGURED.includes(field));
  return JSON.stringify(sorted(Object.fromEntries(kept)));
}

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
