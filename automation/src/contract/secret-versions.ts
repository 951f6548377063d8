import { z } from "zod";
import { SecretKind } from "./aws/secret-slots.ts";
import { Deployment } from "./deployments.ts";
import type { Endpoint } from "./endpoint.ts";
import { Instant, StackPath } from "./identifiers.ts";

/** Key of the stack's config that reaches the functions as SECRETS_EPOCH: another value makes a new version of each that reads secrets, so that none serves with one that it read before. */
export const SECRETS_EPOCH_KEY = "slipway:secretsEpoch";

const Arn = z
  .string()
  .regex(/^arn:aws[a-z-]*:secretsmanager:/, "must be the ARN of a secret")
  .max(2048);
const SlotName = z.string().regex(/^[a-z0-9-]{1,63}$/);

/** One slot of a stack with the version that was put last. Never its value. */
export const SecretSlotState = z
  .object({
    slot: z.string(),
    title: z.string(),
    kind: SecretKind,
    /** Null: the newest release has no such secret. */
    arn: z.string().nullable(),
    versionId: z.string().nullable(),
    putAt: Instant.nullable(),
    putBy: z.string().nullable(),
  })
  .meta({ id: "SecretSlotState" });
export type SecretSlotState = z.infer<typeof SecretSlotState>;

/** The slots of a stack, and the epoch that its functions are told with the next deployment. */
export const SecretVersions = z
  .object({
    /** The release whose manifest names the secrets. Null: no release of the target aws. */
    release: z.int().nullable(),
    epoch: z.string().nullable(),
    items: z.array(SecretSlotState),
  })
  .meta({ id: "SecretVersions" });
export type SecretVersions = z.infer<typeof SecretVersions>;

export const RecordSecretVersions = z.strictObject({
  versions: z
    .array(
      z.strictObject({
        slot: SlotName,
        arn: Arn,
        /** As Secrets Manager keeps it. */
        versionId: z.string().min(32).max(64),
      }),
    )
    .min(1)
    .max(100),
});
export type RecordSecretVersions = z.infer<typeof RecordSecretVersions>;

const SECRETS = "/v1/stacks/:organisation/:project/:stack/secrets";

/** The rows of the secrets of AWS stacks in the table of endpoints. */
export const secretVersionEndpoints = {
  listSecretVersions: {
    method: "GET",
    path: SECRETS,
    summary: "The secrets that a stack on AWS needs, with who put which version; never a value",
    permission: "stack.read",
    params: StackPath,
    success: { status: 200, body: SecretVersions },
  },
  recordSecretVersions: {
    method: "POST",
    path: SECRETS,
    summary:
      "Record versions that were put into Secrets Manager, and set the epoch by which functions read them",
    permission: "stack.configure",
    params: StackPath,
    body: RecordSecretVersions,
    success: { status: 201, body: SecretVersions },
  },
  refreshSecrets: {
    method: "POST",
    path: `${SECRETS}/refresh`,
    summary:
      "Deploy the release that runs again, with the epoch of now, so that its functions read the newest secrets",
    permission: "stack.deploy",
    params: StackPath,
    success: { status: 202, body: Deployment },
    idempotent: true,
  },
} as const satisfies Record<string, Endpoint>;
