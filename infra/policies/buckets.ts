import type { StackValidationPolicy } from "@pulumi/policy";
import { at, type Props, type Rule, resourcePolicy } from "./rule.ts";

const BUCKET = "aws:s3/bucket:Bucket";

/** What every bucket needs beside itself. */
const COMPANIONS: Readonly<Record<string, string>> = {
  "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "a block of public access",
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": "encryption",
  "aws:s3/bucketVersioning:BucketVersioning": "versions",
  "aws:s3/bucketPolicy:BucketPolicy": "a policy that asks for TLS",
};

/** A bucket that lacks a companion, which no look at single resources could find. */
export const bucketCompanions: StackValidationPolicy = {
  name: "buckets-are-complete",
  description: "Every bucket blocks public access, is encrypted, keeps versions and asks for TLS.",
  enforcementLevel: "mandatory",
  validateStack: ({ resources }, report) => {
    for (const bucket of resources.filter(({ type }) => type === BUCKET)) {
      for (const [type, what] of Object.entries(COMPANIONS)) {
        const has = resources.some(
          (one) => one.type === type && rawBucket(one.props) === rawBucket(bucket.props),
        );
        if (!has) report(`${bucket.name}: the bucket lacks ${what}.`, bucket.urn);
      }
    }
  },
};

/** The name, also when it is not known yet: a bucket and what belongs to it then say the same. */
function rawBucket(props: Props): unknown {
  return Object.getOwnPropertyDescriptor(props, "bucket")?.value;
}

const SWITCHES = ["blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"];

const rule: Rule = ({ type, props }) => {
  switch (type) {
    case "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock":
      return SWITCHES.filter((name) => at(props, name) !== true).map((name) => `${name} must be true`);
    case "aws:s3/bucketAcl:BucketAcl":
      return ["access lists are not used: they are how buckets become public"];
    case "aws:s3/bucketWebsiteConfiguration:BucketWebsiteConfiguration":
      return ["a bucket serves no website itself: CloudFront reads it"];
    case "aws:s3/bucketVersioning:BucketVersioning":
      return at(props, "versioningConfiguration.status") === "Enabled" ? [] : ["versions must be Enabled"];
    case BUCKET:
      return typeof props.acl === "string" && props.acl.startsWith("public") ? ["must not be public"] : [];
    default:
      return [];
  }
};

export const privateBuckets = resourcePolicy(
  "no-public-buckets",
  "Nobody reads a bucket without being asked who they are.",
  rule,
);
