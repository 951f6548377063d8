import { at, isGiven, type Rule, resourcePolicy } from "./rule.ts";

/** The property that names the key, by type of resource: without it AWS encrypts by a key that nobody here controls, or not at all. */
const KEY_PROPERTY: Readonly<Record<string, string>> = {
  "aws:backup/vault:Vault": "kmsKeyArn",
  "aws:cloudtrail/trail:Trail": "kmsKeyId",
  "aws:cloudwatch/logGroup:LogGroup": "kmsKeyId",
  "aws:elasticache/replicationGroup:ReplicationGroup": "kmsKeyId",
  "aws:lambda/function:Function": "kmsKeyArn",
  "aws:rds/cluster:Cluster": "kmsKeyId",
  "aws:rds/instance:Instance": "kmsKeyId",
  "aws:secretsmanager/secret:Secret": "kmsKeyId",
  "aws:sns/topic:Topic": "kmsMasterKeyId",
  "aws:sqs/queue:Queue": "kmsMasterKeyId",
  "aws:timestreamwrite/database:Database": "kmsKeyId",
};

/** Properties that must be true, by type. */
const SWITCHES: Readonly<Record<string, readonly string[]>> = {
  "aws:elasticache/replicationGroup:ReplicationGroup": [
    "atRestEncryptionEnabled",
    "transitEncryptionEnabled",
  ],
  "aws:kms/key:Key": ["enableKeyRotation"],
  "aws:rds/cluster:Cluster": ["storageEncrypted"],
  "aws:rds/instance:Instance": ["storageEncrypted"],
};

const rule: Rule = ({ type, props }) => {
  const key = KEY_PROPERTY[type];
  const problems = key !== undefined && !isGiven(props, key) ? [`must name the stack's key in ${key}`] : [];
  for (const name of SWITCHES[type] ?? []) {
    if (at(props, name) !== true) problems.push(`${name} must be true`);
  }
  if (type === "aws:dynamodb/table:Table") {
    const encryption = at(props, "serverSideEncryption");
    const hasKey = typeof encryption === "object" && encryption !== null && "kmsKeyArn" in encryption;
    if (!hasKey || at(props, "serverSideEncryption.enabled") !== true) {
      problems.push("must be encrypted by the stack's key: serverSideEncryption with enabled and kmsKeyArn");
    }
  }
  return problems;
};

/** Everything that holds data is encrypted by a key of the stack's own. */
export const encryption = resourcePolicy(
  "encryption-at-rest",
  "What holds data is encrypted by a key of the stack's own, and keys are renewed every year.",
  rule,
);
