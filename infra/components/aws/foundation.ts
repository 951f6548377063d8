import aws from "@pulumi/aws";
import pulumi from "@pulumi/pulumi";
import { ARTIFACTS, arnOf, nameOf, type Place } from "./place.ts";
import { policyDocument, type Statement } from "./policy-document.ts";
import { PrivateBucket } from "./private-bucket.ts";

export interface FoundationArgs {
  place: Place;
  /** Hosted zone of the stack's domains. `create` makes it here, and its name servers must then be entered at the registrar; else it is there already. Default: no domain. */
  zone?: { name: string; create: boolean } | undefined;
  /** Whether all calls of the account's API are recorded. One stack of an account is enough. Default: false. */
  trail?: boolean;
  /** US dollars a month beyond which `alertEmails` are told, at 80 and at 100 per cent. Default: no budget. */
  monthlyBudgetUsd?: number | undefined;
  alertEmails: readonly string[];
  /** Days that packages of functions can be restored after they were replaced. Default: 90. */
  keepReplacedDays?: number;
}

/** What everything else stands on: the stack's key, its zone, the bucket of the functions' packages, and the watch over costs and calls. */
export class Foundation extends pulumi.ComponentResource {
  readonly kmsKeyArn: pulumi.Output<string>;
  readonly artifactsBucket: pulumi.Output<string>;
  readonly artifactsBucketArn: pulumi.Output<string>;
  /** Null: the stack has no domain. */
  readonly zone: { name: string; id: pulumi.Output<string> } | null;

  constructor(name: string, args: FoundationArgs, options?: pulumi.ComponentResourceOptions) {
    super("slipway:aws:Foundation", name, {}, options);
    const { place, keepReplacedDays = 90 } = args;

    this.kmsKeyArn = this.#createKey(place);
    this.zone = args.zone === undefined ? null : this.#findOrCreateZone(args.zone, place);
    const artifacts = new PrivateBucket(
      ARTIFACTS,
      { place, kmsKeyArn: this.kmsKeyArn, keepReplacedDays },
      { parent: this },
    );
    this.artifactsBucket = artifacts.bucketName;
    this.artifactsBucketArn = artifacts.arn;
    if (args.trail === true) this.#recordCalls(place);
    if (args.monthlyBudgetUsd !== undefined) this.#watchCosts(place, args.monthlyBudgetUsd, args.alertEmails);

    this.registerOutputs({ kmsKeyArn: this.kmsKeyArn, artifactsBucket: this.artifactsBucket });
  }

  #createKey(place: Place): pulumi.Output<string> {
    const key = new aws.kms.Key(
      "data",
      {
        description: `Data of ${place.prefix}`,
        enableKeyRotation: true,
        deletionWindowInDays: 30,
        policy: policyDocument(keyStatements(place)),
        tags: place.tags,
      },
      { parent: this, protect: place.keepsData },
    );
    new aws.kms.Alias("data", { name: `alias/${place.prefix}`, targetKeyId: key.keyId }, { parent: this });
    return key.arn;
  }

  #findOrCreateZone(zone: { name: string; create: boolean }, place: Place) {
    if (!zone.create) {
      const found = aws.route53.getZoneOutput({ name: zone.name, privateZone: false }, { parent: this });
      return { name: zone.name, id: found.zoneId };
    }
    const made = new aws.route53.Zone(
      "zone",
      { name: zone.name, comment: `Domains of ${place.prefix}`, tags: place.tags },
      { parent: this, protect: place.keepsData },
    );
    return { name: zone.name, id: made.zoneId };
  }

  #recordCalls(place: Place): void {
    const trailName = nameOf(place, "calls");
    const fromTrail = { StringEquals: { "aws:SourceArn": arnOf(place, "cloudtrail", `trail/${trailName}`) } };
    const records = new PrivateBucket(
      "calls",
      {
        place,
        kmsKeyArn: this.kmsKeyArn,
        expireAfterDays: 400,
        statements: (bucketArn) => [
          {
            Sid: "TrailLooks",
            Effect: "Allow",
            Principal: { Service: "cloudtrail.amazonaws.com" },
            Action: "s3:GetBucketAcl",
            Resource: bucketArn,
            Condition: fromTrail,
          },
          {
            Sid: "TrailWrites",
            Effect: "Allow",
            Principal: { Service: "cloudtrail.amazonaws.com" },
            Action: "s3:PutObject",
            Resource: pulumi.interpolate`${bucketArn}/AWSLogs/${place.accountId}/*`,
            Condition: fromTrail,
          },
        ],
      },
      { parent: this },
    );
    new aws.cloudtrail.Trail(
      "calls",
      {
        name: trailName,
        s3BucketName: records.bucketName,
        kmsKeyId: this.kmsKeyArn,
        isMultiRegionTrail: true,
        includeGlobalServiceEvents: true,
        enableLogFileValidation: true,
        tags: place.tags,
      },
      { parent: this },
    );
  }

  #watchCosts(place: Place, usd: number, emails: readonly string[]): void {
    new aws.budgets.Budget(
      "costs",
      {
        name: nameOf(place, "costs"),
        budgetType: "COST",
        timeUnit: "MONTHLY",
        limitAmount: String(usd),
        limitUnit: "USD",
        costFilters: [{ name: "TagKeyValue", values: [`user:environment$${place.environment}`] }],
        notifications: [80, 100].map((threshold) => ({
          comparisonOperator: "GREATER_THAN",
          notificationType: "ACTUAL",
          threshold,
          thresholdType: "PERCENTAGE",
          subscriberEmailAddresses: [...emails],
        })),
        tags: place.tags,
      },
      { parent: this },
    );
  }
}

/** The account's own policies decide who uses the key; services of AWS may, on behalf of this account. */
function keyStatements(place: Place): Statement[] {
  const onBehalf = { StringEquals: { "aws:SourceAccount": place.accountId } };
  return [
    {
      Sid: "Account",
      Effect: "Allow",
      Principal: { AWS: `arn:${place.partition}:iam::${place.accountId}:root` },
      Action: "kms:*",
      Resource: "*",
    },
    {
      Sid: "Logs",
      Effect: "Allow",
      Principal: { Service: `logs.${place.region}.amazonaws.com` },
      Action: ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
      Resource: "*",
      Condition: {
        ArnLike: { "kms:EncryptionContext:aws:logs:arn": arnOf(place, "logs", "log-group:*") },
      },
    },
    {
      Sid: "Alerts",
      Effect: "Allow",
      Principal: { Service: ["cloudwatch.amazonaws.com", "sns.amazonaws.com"] },
      Action: ["kms:Decrypt", "kms:GenerateDataKey*"],
      Resource: "*",
      Condition: onBehalf,
    },
    {
      Sid: "Trail",
      Effect: "Allow",
      Principal: { Service: "cloudtrail.amazonaws.com" },
      Action: ["kms:GenerateDataKey*", "kms:DescribeKey"],
      Resource: "*",
      Condition: onBehalf,
    },
  ];
}
