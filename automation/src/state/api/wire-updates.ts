import { z } from "zod";
import { Tags } from "../../contract/stacks.ts";

/**
 * What the CLI sends about updates, apitype of its SDK at 3.250.0 (sdk/go/common/apitype/updates.go). Unknown fields pass, for a newer CLI adds some; Go writes null for
 * maps that are nil.
 */
export const CreateUpdateRequest = z.object({
  options: z.looseObject({ dryRun: z.boolean().nullish().transform(orUndefined) }).nullish(),
  config: z.record(z.string(), z.unknown()).nullish(),
  metadata: z
    .object({
      message: z.string().max(100_000).nullish(),
      environment: z.record(z.string(), z.string()).nullish(),
    })
    .nullish(),
});

export const StartUpdateRequest = z.object({
  tags: Tags.nullish(),
  journalVersion: z.int().min(0).nullish(),
});

/** The token is in the header; the one in the body is a relic and empty. */
export const RenewLeaseRequest = z.object({ duration: z.number().positive().max(86_400).nullish() });

export const CompleteUpdateRequest = z.object({ status: z.enum(["succeeded", "failed", "cancelled"]) });

function orUndefined<T>(value: T | null | undefined): T | undefined {
  return value ?? undefined;
}
