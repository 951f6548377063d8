import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteBucketEncryptionCommand,
  DeleteBucketLifecycleCommand,
  DeleteBucketOwnershipControlsCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectsCommand,
  DeletePublicAccessBlockCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketOwnershipControlsCommand,
  GetBucketPolicyCommand,
  GetBucketTaggingCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  type LifecycleRule,
  ListObjectVersionsCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketPolicyCommand,
  PutBucketTaggingCommand,
  PutBucketVersioningCommand,
  PutPublicAccessBlockCommand,
  S3Client,
  type ServerSideEncryption,
} from "@aws-sdk/client-s3";
import type { Clients } from "../clients.ts";
import {
  type Kind,
  maybeFlag,
  maybeNumber,
  maybeText,
  recordOf,
  recordsOf,
  tagList,
  tagsFrom,
  textOf,
  unlessGone,
  type Values,
} from "../kind.ts";

async function putTags(bucket: string, inputs: Values, clients: Clients): Promise<void> {
  const TagSet = tagList(inputs);
  if (TagSet.length > 0)
    await clients.of(S3Client).send(new PutBucketTaggingCommand({ Bucket: bucket, Tagging: { TagSet } }));
}

const bucket: Kind = {
  create: async (inputs, clients) => {
    const name = textOf(inputs, "bucket");
    const { region } = clients;
    await clients.of(S3Client).send(
      new CreateBucketCommand({
        Bucket: name,
        // The type is a list of the regions of the day; the service takes others.
        ...(region === "us-east-1"
          ? {}
          : { CreateBucketConfiguration: { LocationConstraint: region as "eu-central-1" } }),
      }),
    );
    await putTags(name, inputs, clients);
    return name;
  },
  read: async (id, clients) => {
    const s3 = clients.of(S3Client);
    const found = await unlessGone(
      s3.send(new HeadBucketCommand({ Bucket: id })),
      "NotFound",
      "NoSuchBucket",
    );
    if (found === undefined) return undefined;
    const tagging = await unlessGone(s3.send(new GetBucketTaggingCommand({ Bucket: id })), "NoSuchTagSet");
    return {
      bucket: id,
      arn: `arn:${clients.partition}:s3:::${id}`,
      bucketDomainName: `${id}.s3.amazonaws.com`,
      bucketRegionalDomainName: `${id}.s3.${clients.region}.amazonaws.com`,
      tagsAll: tagsFrom(tagging?.TagSet),
    };
  },
  update: (id, inputs, clients) => putTags(id, inputs, clients),
  delete: async (id, state, clients) => {
    const s3 = clients.of(S3Client);
    while (maybeFlag(state, "forceDestroy") === true) {
      const listed = await unlessGone(s3.send(new ListObjectVersionsCommand({ Bucket: id })), "NoSuchBucket");
      const objects = [...(listed?.Versions ?? []), ...(listed?.DeleteMarkers ?? [])].map(
        ({ Key, VersionId }) => ({ Key, VersionId }),
      );
      if (objects.length === 0) break;
      const { Errors: [refused] = [] } = await s3.send(
        new DeleteObjectsCommand({ Bucket: id, Delete: { Objects: objects, Quiet: true } }),
      );
      // Listed again and again otherwise.
      if (refused !== undefined)
        throw new Error(`${refused.Code ?? ""} for ${refused.Key ?? ""} of ${id}: ${refused.Message ?? ""}`);
    }
    await unlessGone(s3.send(new DeleteBucketCommand({ Bucket: id })), "NoSuchBucket");
  },
};

/** Settings of a bucket, which are resources of their own: put, read, taken away. */
function setting(
  put: (name: string, inputs: Values, s3: S3Client) => Promise<unknown>,
  read: (name: string, s3: S3Client) => Promise<Values | undefined>,
  remove: (name: string, s3: S3Client) => Promise<unknown>,
): Kind {
  const save = (inputs: Values, clients: Clients) =>
    put(textOf(inputs, "bucket"), inputs, clients.of(S3Client));
  return {
    create: async (inputs, clients) => {
      await save(inputs, clients);
      return textOf(inputs, "bucket");
    },
    read: async (id, clients) => {
      const found = await read(id, clients.of(S3Client));
      return found === undefined ? undefined : { bucket: id, ...found };
    },
    update: async (_, inputs, clients) => void (await save(inputs, clients)),
    delete: async (id, _, clients) =>
      void (await unlessGone(remove(id, clients.of(S3Client)), "NoSuchBucket")),
  };
}

const bucketOwnershipControls = setting(
  (Bucket, inputs, s3) =>
    s3.send(
      new PutBucketOwnershipControlsCommand({
        Bucket,
        OwnershipControls: {
          Rules: [
            {
              ObjectOwnership: textOf(recordOf(inputs, "rule"), "objectOwnership") as "BucketOwnerEnforced",
            },
          ],
        },
      }),
    ),
  async (Bucket, s3) => {
    const found = await unlessGone(
      s3.send(new GetBucketOwnershipControlsCommand({ Bucket })),
      "NoSuchBucket",
      "OwnershipControlsNotFoundError",
    );
    const rule = found?.OwnershipControls?.Rules?.[0];
    return rule === undefined ? undefined : { rule: { objectOwnership: rule.ObjectOwnership } };
  },
  (Bucket, s3) => s3.send(new DeleteBucketOwnershipControlsCommand({ Bucket })),
);

const bucketPublicAccessBlock = setting(
  (Bucket, inputs, s3) =>
    s3.send(
      new PutPublicAccessBlockCommand({
        Bucket,
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: maybeFlag(inputs, "blockPublicAcls") ?? false,
          BlockPublicPolicy: maybeFlag(inputs, "blockPublicPolicy") ?? false,
          IgnorePublicAcls: maybeFlag(inputs, "ignorePublicAcls") ?? false,
          RestrictPublicBuckets: maybeFlag(inputs, "restrictPublicBuckets") ?? false,
        },
      }),
    ),
  async (Bucket, s3) => {
    const found = await unlessGone(
      s3.send(new GetPublicAccessBlockCommand({ Bucket })),
      "NoSuchBucket",
      "NoSuchPublicAccessBlockConfiguration",
    );
    const block = found?.PublicAccessBlockConfiguration;
    if (block === undefined) return undefined;
    return {
      blockPublicAcls: block.BlockPublicAcls ?? false,
      blockPublicPolicy: block.BlockPublicPolicy ?? false,
      ignorePublicAcls: block.IgnorePublicAcls ?? false,
      restrictPublicBuckets: block.RestrictPublicBuckets ?? false,
    };
  },
  (Bucket, s3) => s3.send(new DeletePublicAccessBlockCommand({ Bucket })),
);

const bucketVersioning = setting(
  (Bucket, inputs, s3) =>
    s3.send(
      new PutBucketVersioningCommand({
        Bucket,
        VersioningConfiguration: {
          Status: textOf(recordOf(inputs, "versioningConfiguration"), "status") as "Enabled",
        },
      }),
    ),
  async (Bucket, s3) => {
    const found = await unlessGone(s3.send(new GetBucketVersioningCommand({ Bucket })), "NoSuchBucket");
    return found?.Status === undefined
      ? undefined
      : { versioningConfiguration: { status: found.Status, mfaDelete: found.MFADelete ?? "" } };
  },
  // A bucket that had versions once cannot go back to none.
  (Bucket, s3) =>
    s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Suspended" } })),
);

const bucketServerSideEncryptionConfiguration = setting(
  (Bucket, inputs, s3) =>
    s3.send(
      new PutBucketEncryptionCommand({
        Bucket,
        ServerSideEncryptionConfiguration: {
          Rules: recordsOf(inputs, "rules").map((rule) => {
            const applied = recordOf(rule, "applyServerSideEncryptionByDefault");
            return {
              BucketKeyEnabled: maybeFlag(rule, "bucketKeyEnabled"),
              ApplyServerSideEncryptionByDefault: {
                SSEAlgorithm: textOf(applied, "sseAlgorithm") as ServerSideEncryption,
                KMSMasterKeyID: maybeText(applied, "kmsMasterKeyId"),
              },
            };
          }),
        },
      }),
    ),
  async (Bucket, s3) => {
    const found = await unlessGone(
      s3.send(new GetBucketEncryptionCommand({ Bucket })),
      "NoSuchBucket",
      "ServerSideEncryptionConfigurationNotFoundError",
    );
    const rules = found?.ServerSideEncryptionConfiguration?.Rules;
    return rules === undefined
      ? undefined
      : {
          rules: rules.map((rule) => ({
            bucketKeyEnabled: rule.BucketKeyEnabled ?? false,
            applyServerSideEncryptionByDefault: {
              sseAlgorithm: rule.ApplyServerSideEncryptionByDefault?.SSEAlgorithm,
              kmsMasterKeyId: rule.ApplyServerSideEncryptionByDefault?.KMSMasterKeyID,
            },
          })),
        };
  },
  (Bucket, s3) => s3.send(new DeleteBucketEncryptionCommand({ Bucket })),
);

function lifecycleRule(rule: Values): LifecycleRule {
  const [abort, replaced, expiry] = [
    recordOf(rule, "abortIncompleteMultipartUpload"),
    recordOf(rule, "noncurrentVersionExpiration"),
    recordOf(rule, "expiration"),
  ];
  return {
    ID: textOf(rule, "id"),
    Status: textOf(rule, "status") as "Enabled",
    Filter: { Prefix: maybeText(recordOf(rule, "filter"), "prefix") ?? "" },
    ...("abortIncompleteMultipartUpload" in rule
      ? { AbortIncompleteMultipartUpload: { DaysAfterInitiation: maybeNumber(abort, "daysAfterInitiation") } }
      : {}),
    ...("noncurrentVersionExpiration" in rule
      ? { NoncurrentVersionExpiration: { NoncurrentDays: maybeNumber(replaced, "noncurrentDays") } }
      : {}),
    ...("expiration" in rule ? { Expiration: { Days: maybeNumber(expiry, "days") } } : {}),
  };
}

const bucketLifecycleConfiguration = setting(
  (Bucket, inputs, s3) =>
    s3.send(
      new PutBucketLifecycleConfigurationCommand({
        Bucket,
        LifecycleConfiguration: { Rules: recordsOf(inputs, "rules").map(lifecycleRule) },
      }),
    ),
  async (Bucket, s3) => {
    const found = await unlessGone(
      s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket })),
      "NoSuchBucket",
      "NoSuchLifecycleConfiguration",
    );
    return found === undefined
      ? undefined
      : {
          rules: (found.Rules ?? []).map((rule) => ({
            id: rule.ID,
            status: rule.Status,
            filter: { prefix: rule.Filter?.Prefix ?? "" },
            ...(rule.AbortIncompleteMultipartUpload === undefined
              ? {}
              : {
                  abortIncompleteMultipartUpload: {
                    daysAfterInitiation: rule.AbortIncompleteMultipartUpload.DaysAfterInitiation,
                  },
                }),
            ...(rule.NoncurrentVersionExpiration === undefined
              ? {}
              : {
                  noncurrentVersionExpiration: {
                    noncurrentDays: rule.NoncurrentVersionExpiration.NoncurrentDays,
                  },
                }),
            ...(rule.Expiration === undefined ? {} : { expiration: { days: rule.Expiration.Days } }),
          })),
        };
  },
  (Bucket, s3) => s3.send(new DeleteBucketLifecycleCommand({ Bucket })),
);

const bucketPolicy = setting(
  (Bucket, inputs, s3) => s3.send(new PutBucketPolicyCommand({ Bucket, Policy: textOf(inputs, "policy") })),
  async (Bucket, s3) => {
    const found = await unlessGone(
      s3.send(new GetBucketPolicyCommand({ Bucket })),
      "NoSuchBucket",
      "NoSuchBucketPolicy",
    );
    return found?.Policy === undefined ? undefined : { policy: found.Policy };
  },
  (Bucket, s3) => s3.send(new DeleteBucketPolicyCommand({ Bucket })),
);

export const kinds: Readonly<Record<string, Kind>> = {
  "aws:s3/bucket:Bucket": bucket,
  "aws:s3/bucketOwnershipControls:BucketOwnershipControls": bucketOwnershipControls,
  "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": bucketPublicAccessBlock,
  "aws:s3/bucketVersioning:BucketVersioning": bucketVersioning,
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration":
    bucketServerSideEncryptionConfiguration,
  "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": bucketLifecycleConfiguration,
  "aws:s3/bucketPolicy:BucketPolicy": bucketPolicy,
};
