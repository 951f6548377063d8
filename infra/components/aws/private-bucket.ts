import aws from "@pulumi/aws";
import pulumi from "@pulumi/pulumi";
import { globalNameOf, type Place } from "./place.ts";
import { policyDocument, type Statement } from "./policy-document.ts";

export interface PrivateBucketArgs {
  place: Place;
  /** Key of the objects. Default: the bucket's own (AES256), for what the public may read through something else. */
  kmsKeyArn?: pulumi.Input<string> | undefined;
  /** Days that a replaced or deleted object can still be restored. Default: 90. */
  keepReplacedDays?: number;
  /** Days after which objects themselves go. Default: never. */
  expireAfterDays?: number | undefined;
  /** Who else may do what, given the bucket's ARN. Default: nobody but the account's own roles. */
  statements?: (bucketArn: pulumi.Output<string>) => readonly Statement[];
}

/** A bucket that nobody reaches from outside, versioned, encrypted, and only by TLS 1.2 or later. */
export class PrivateBucket extends pulumi.ComponentResource {
  readonly bucketName: pulumi.Output<string>;
  readonly arn: pulumi.Output<string>;
  readonly regionalDomainName: pulumi.Output<string>;

  constructor(name: string, args: PrivateBucketArgs, options?: pulumi.ComponentResourceOptions) {
    super("slipway:aws:PrivateBucket", name, {}, options);
    const { place, keepReplacedDays = 90 } = args;
    const own = { parent: this };
    const bucket = new aws.s3.Bucket(
      name,
      { bucket: globalNameOf(place, name), forceDestroy: !place.keepsData, tags: place.tags },
      { ...own, protect: place.keepsData },
    );
    new aws.s3.BucketOwnershipControls(
      name,
      { bucket: bucket.bucket, rule: { objectOwnership: "BucketOwnerEnforced" } },
      own,
    );
    const closed = new aws.s3.BucketPublicAccessBlock(
      name,
      {
        bucket: bucket.bucket,
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
      },
      own,
    );
    const versioning = new aws.s3.BucketVersioning(
      name,
      { bucket: bucket.bucket, versioningConfiguration: { status: "Enabled" } },
      own,
    );
    new aws.s3.BucketServerSideEncryptionConfiguration(
      name,
      { bucket: bucket.bucket, rules: [encryptionRule(args.kmsKeyArn)] },
      own,
    );
    new aws.s3.BucketLifecycleConfiguration(
      name,
      { bucket: bucket.bucket, rules: [lifecycleRule(keepReplacedDays, args.expireAfterDays)] },
      // A rule for replaced versions is refused before there are versions.
      { ...own, dependsOn: versioning },
    );
    const policy = new aws.s3.BucketPolicy(
      name,
      {
        bucket: bucket.bucket,
        policy: policyDocument([...tlsOnly(bucket.arn), ...(args.statements?.(bucket.arn) ?? [])]),
      },
      // S3 refuses two changes of a bucket's access at the same time.
      { ...own, dependsOn: closed },
    );

    // Whoever writes to the bucket waits until it has its policy.
    this.bucketName = pulumi.all([bucket.bucket, policy.id]).apply(([bucketName]) => bucketName);
    this.arn = bucket.arn;
    this.regionalDomainName = bucket.bucketRegionalDomainName;
    this.registerOutputs({ bucketName: this.bucketName, arn: this.arn });
  }
}

function encryptionRule(kmsKeyArn: pulumi.Input<string> | undefined) {
  return {
    applyServerSideEncryptionByDefault:
      kmsKeyArn === undefined
        ? { sseAlgorithm: "AES256" }
        : { sseAlgorithm: "aws:kms", kmsMasterKeyId: kmsKeyArn },
    // One call of the key for many objects.
    bucketKeyEnabled: kmsKeyArn !== undefined,
  };
}

function lifecycleRule(keepReplacedDays: number, expireAfterDays: number | undefined) {
  return {
    id: "expire",
    status: "Enabled",
    filter: { prefix: "" },
    abortIncompleteMultipartUpload: { daysAfterInitiation: 7 },
    noncurrentVersionExpiration: { noncurrentDays: keepReplacedDays },
    ...(expireAfterDays === undefined ? {} : { expiration: { days: expireAfterDays } }),
  };
}

function tlsOnly(bucketArn: pulumi.Output<string>): Statement[] {
  const everything = {
    Effect: "Deny",
    Principal: "*",
    Action: "s3:*",
    Resource: [bucketArn, pulumi.interpolate`${bucketArn}/*`],
  } as const;
  return [
    { ...everything, Sid: "TlsOnly", Condition: { Bool: { "aws:SecureTransport": "false" } } },
    { ...everything, Sid: "Tls12OrLater", Condition: { NumericLessThan: { "s3:TlsVersion": "1.2" } } },
  ];
}
