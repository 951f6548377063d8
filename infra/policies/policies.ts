import type { Policies } from "@pulumi/policy";
import { bucketCompanions, privateBuckets } from "./buckets.ts";
import { encryption } from "./encryption.ts";
import { logRetention } from "./logs.ts";
import { privateNetwork } from "./network.ts";
import { leastPrivilege } from "./privileges.ts";
import { protection } from "./protection.ts";
import { noSecretValues } from "./secret-values.ts";
import { tags } from "./tags.ts";
import { modernTls } from "./tls.ts";

/** What every stack of the target `aws` must satisfy: in unit tests and in deployments. */
export const policies: Policies = [
  encryption,
  privateBuckets,
  bucketCompanions,
  privateNetwork,
  modernTls,
  logRetention,
  tags,
  noSecretValues,
  leastPrivilege,
  protection,
];
