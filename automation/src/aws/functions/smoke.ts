import { InvokeCommand } from "@aws-sdk/client-lambda";
import { z } from "zod";
import { systemClock } from "../../clock.ts";
import { FunctionAnswer, healthEvent } from "../../contract/aws/function-health.ts";
import type { ManifestFunction } from "../../contract/aws/manifest.ts";
import { SlipwayError } from "../../errors.ts";
import { ask, type Shipping, stopIfCancelled } from "../shipping.ts";

const SHOWN_CHARACTERS = 300;
const MS = 1_000;
/** Whatever else an answer has is the API's business. */
const Status = FunctionAnswer.pick({ statusCode: true });
const Thrown = z.object({ errorType: z.string().default("Error"), errorMessage: z.string().default("") });

/**
 * Calls the health route of one version of a function, whichever versions serve, with the event that an HTTP API makes of it (payload format 2.0). Answers its milliseconds. Throws `smoke_failed` for anything
 * but an answer of 2xx in time.
 */
export async function smokeCall(
  shipping: Shipping,
  declared: ManifestFunction,
  version: string,
): Promise<number> {
  const startMs = systemClock.monotonicMs();
  const limit = AbortSignal.timeout(shipping.limits.smokeSeconds * MS);
  const signal = AbortSignal.any([shipping.signal, limit]);
  const answered = await ask(
    { signal },
    { operation: "lambda:InvokeFunction", resource: `function ${declared.name}:${version}` },
    (options) =>
      shipping.lambda.send(
        new InvokeCommand({
          FunctionName: declared.name,
          Qualifier: version,
          Payload: Buffer.from(JSON.stringify(healthEvent(declared.healthPath))),
        }),
        options,
      ),
  ).catch((thrown: unknown) => {
    stopIfCancelled(shipping.signal, thrown);
    if (!limit.aborted) throw thrown;
    throw failed(declared, version, `no answer within ${shipping.limits.smokeSeconds} seconds`, thrown);
  });
  const text = Buffer.from(answered.Payload ?? []).toString("utf8");
  const wrong = faultOf(answered.FunctionError, text);
  if (wrong !== undefined) throw failed(declared, version, wrong);
  return Math.round(systemClock.monotonicMs() - startMs);
}

/** Why an invocation's answer is not that of a working function; undefined when it is. */
function faultOf(functionError: string | undefined, payload: string): string | undefined {
  const value = parsed(payload);
  if (functionError !== undefined) {
    const thrown = Thrown.safeParse(value);
    if (!thrown.success) return `it failed (${functionError})`;
    return `it threw ${`${thrown.data.errorType}: ${thrown.data.errorMessage}`.slice(0, SHOWN_CHARACTERS)}`;
  }
  const answer = Status.safeParse(value);
  if (!answer.success) return "its answer has no status";
  const { statusCode } = answer.data;
  return statusCode >= 200 && statusCode < 300 ? undefined : `it answered ${statusCode}`;
}

function parsed(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    // Not JSON: the caller says that it has no status.
    return undefined;
  }
}

function failed(declared: ManifestFunction, version: string, why: string, cause?: unknown): SlipwayError {
  return new SlipwayError(
    "smoke_failed",
    `Version ${version} of function ${declared.name} does not work: ${why} to GET ${declared.healthPath}.`,
    { cause, remedy: `Read its log group ${declared.logGroup}, correct the function, and deploy again.` },
  );
}
