import { at, resourcePolicy } from "./rule.ts";

/** What cannot be had again once it is deleted. */
const STATEFUL = new Set([
  "aws:backup/vault:Vault",
  "aws:dynamodb/table:Table",
  "aws:kms/key:Key",
  "aws:route53/zone:Zone",
  "aws:s3/bucket:Bucket",
  "aws:secretsmanager/secret:Secret",
  "aws:timestreaminfluxdb/dbInstance:DbInstance",
  "aws:timestreamwrite/database:Database",
  "aws:timestreamwrite/table:Table",
]);

/** Data is not deleted by mistake. A stack that is taken down says so on every resource, by the tag `retiring`. */
export const protection = resourcePolicy(
  "stateful-is-protected",
  "What holds data is protected from deletion, unless the stack is being taken down.",
  ({ type, props, isProtected }) => {
    if (!STATEFUL.has(type) || at(props, "tags.retiring") === "true") return [];
    const problems = isProtected ? [] : ["must be protected: strategyDesk:protection"];
    if (type === "aws:dynamodb/table:Table" && at(props, "deletionProtectionEnabled") !== true) {
      problems.push("deletionProtectionEnabled must be true");
    }
    if (at(props, "forceDestroy") === true) problems.push("must not be deleted with what is in it");
    return problems;
  },
);
