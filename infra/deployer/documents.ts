import { arnOf } from "../components/aws/place.ts";
import { boundaryStatements } from "./boundary.ts";
import type { DeployerPlace, PlainDocument, PlainStatement } from "./statement.ts";

/**
 * What whoever deploys a stack may do, as policies for an administrator to make beforehand; each stays below the 6,144 characters that AWS allows. `boundary` is for the roles that the stack makes, and `network`
 * for stacks with a cache or with InfluxDB. Nowhere among it: reading a secret, reading a table, or changing the boundary.
 */
export function deployerDocuments(
  place: DeployerPlace,
): Record<"boundary" | "look" | "data" | "serve" | "watch" | "network", PlainDocument> {
  return {
    boundary: documentOf(boundaryStatements(place)),
    look: documentOf(look(place)),
    data: documentOf([...keys(), ...buckets(place), ...stores(place), ...secrets(place)]),
    serve: documentOf([...functions(place), ...roles(place), ...addresses(place)]),
    watch: documentOf(watch(place)),
    network: documentOf(network(place)),
  };
}

function documentOf(statements: PlainStatement[]): PlainDocument {
  return { Version: "2012-10-17", Statement: statements };
}

function allow(
  sid: string,
  actions: string[],
  resources: string | string[],
  condition?: PlainStatement["Condition"],
): PlainStatement {
  return {
    Sid: sid,
    Effect: "Allow",
    Action: actions,
    Resource: resources,
    ...(condition === undefined ? {} : { Condition: condition }),
  };
}

const family = (service: string, verbs: string): string[] =>
  verbs.split(" ").map((verb) => `${service}:${verb}`);

const OUR_TAG = { StringEquals: { "aws:ResourceTag/system": "strategy-desk" } };
const OUR_NEW_TAG = { StringEquals: { "aws:RequestTag/system": "strategy-desk" } };

/** A refresh asks about everything that there is; none of this reads data. */
function look({ region }: DeployerPlace): PlainStatement[] {
  return [
    allow(
      "Look",
      [
        ...family("acm", "Describe* List*"),
        ...family("backup", "Describe* List* GetBackupPlan GetBackupSelection"),
        ...family("cloudfront", "Describe* Get* List*"),
        ...family("cloudtrail", "Describe* GetTrail* List*"),
        ...family("cloudwatch", "Describe* Get* List*"),
        ...family("dynamodb", "Describe* List*"),
        ...family("ec2", "Describe*"),
        ...family("elasticache", "Describe* List*"),
        ...family("iam", "GetRole* ListRole* ListAttachedRolePolicies ListInstanceProfilesForRole"),
        ...family("kms", "Describe* GetKey* List*"),
        ...family("lambda", "Get* List*"),
        ...family("logs", "Describe* List*"),
        ...family("route53", "Get* List*"),
        ...family("secretsmanager", "DescribeSecret GetResourcePolicy List*"),
        ...family("sns", "Get* List*"),
        ...family("timestream", "Describe* List*"),
        ...family("timestream-influxdb", "GetDbInstance List*"),
        ...family("xray", "Get* BatchGetTraces"),
      ],
      "*",
      // Services without regions answer as us-east-1.
      { StringEquals: { "aws:RequestedRegion": [region, "us-east-1"] } },
    ),
  ];
}

function keys(): PlainStatement[] {
  return [
    allow("MakeKeys", family("kms", "CreateKey TagResource"), "*", OUR_NEW_TAG),
    allow(
      "UseKeys",
      family(
        "kms",
        "CreateAlias UpdateAlias DeleteAlias CreateGrant Decrypt Encrypt GenerateDataKey* EnableKeyRotation DisableKeyRotation PutKeyPolicy UpdateKeyDescription ScheduleKeyDeletion CancelKeyDeletion TagResource UntagResource",
      ),
      "*",
      OUR_TAG,
    ),
  ];
}

function buckets({ partition, prefix }: DeployerPlace): PlainStatement[] {
  return [
    allow(
      "Buckets",
      family(
        "s3",
        "CreateBucket DeleteBucket GetBucket* GetEncryptionConfiguration GetLifecycleConfiguration GetAccelerateConfiguration GetReplicationConfiguration PutBucketPolicy DeleteBucketPolicy PutBucketVersioning PutBucketPublicAccessBlock PutBucketOwnershipControls PutBucketTagging PutEncryptionConfiguration PutLifecycleConfiguration ListBucket ListBucketVersions",
      ),
      `arn:${partition}:s3:::${prefix}-*`,
    ),
    allow(
      "Objects",
      family(
        "s3",
        "GetObject GetObjectVersion PutObject DeleteObject DeleteObjectVersion AbortMultipartUpload",
      ),
      [`arn:${partition}:s3:::${prefix}-artifacts-*/*`, `arn:${partition}:s3:::${prefix}-site-*/*`],
    ),
  ];
}

function stores(place: DeployerPlace): PlainStatement[] {
  const { prefix } = place;
  return [
    allow(
      "Tables",
      family(
        "dynamodb",
        "CreateTable UpdateTable DeleteTable UpdateContinuousBackups UpdateTimeToLive TagResource UntagResource",
      ),
      arnOf(place, "dynamodb", `table/${prefix}-*`),
    ),
    allow(
      "Cache",
      family(
        "elasticache",
        "Create* Modify* Delete* IncreaseReplicaCount DecreaseReplicaCount AddTagsToResource RemoveTagsFromResource",
      ),
      ["replicationgroup", "subnetgroup", "user", "usergroup", "cluster", "snapshot"].map((kind) =>
        arnOf(place, "elasticache", `${kind}:${prefix}-*`),
      ),
    ),
    allow(
      "TimeSeries",
      family(
        "timestream",
        "CreateDatabase UpdateDatabase DeleteDatabase CreateTable UpdateTable DeleteTable TagResource UntagResource",
      ),
      arnOf(place, "timestream", `database/${prefix}-*`),
    ),
    allow(
      "Influx",
      family(
        "timestream-influxdb",
        "CreateDbInstance UpdateDbInstance DeleteDbInstance TagResource UntagResource",
      ),
      arnOf(place, "timestream-influxdb", "db-instance/*"),
      { StringEqualsIfExists: OUR_TAG.StringEquals },
    ),
    allow(
      "Backups",
      family(
        "backup",
        "CreateBackupVault DeleteBackupVault CreateBackupPlan UpdateBackupPlan DeleteBackupPlan CreateBackupSelection DeleteBackupSelection TagResource UntagResource",
      ),
      [arnOf(place, "backup", `backup-vault:${prefix}-*`), arnOf(place, "backup", "backup-plan:*")],
    ),
  ];
}

/** Values are written, never read. */
function secrets(place: DeployerPlace): PlainStatement[] {
  return [
    allow(
      "SecretSlots",
      family(
        "secretsmanager",
        "CreateSecret UpdateSecret DeleteSecret RestoreSecret PutSecretValue UpdateSecretVersionStage TagResource UntagResource",
      ),
      arnOf(place, "secretsmanager", `secret:${place.prefix}-secret/*`),
    ),
  ];
}

function functions(place: DeployerPlace): PlainStatement[] {
  return [
    allow(
      "Functions",
      family(
        "lambda",
        "CreateFunction DeleteFunction UpdateFunctionCode UpdateFunctionConfiguration PublishVersion CreateAlias UpdateAlias DeleteAlias AddPermission RemovePermission InvokeFunction TagResource UntagResource",
      ),
      arnOf(place, "lambda", `function:${place.prefix}-*`),
    ),
    allow(
      "Api",
      family("apigateway", "GET POST PUT PATCH DELETE TagResource UntagResource"),
      ["/apis", "/apis/*", "/domainnames", "/domainnames/*", "/tags/*"].map(
        (path) => `arn:${place.partition}:apigateway:${place.region}::${path}`,
      ),
    ),
  ];
}

/** Roles of the stack alone, and only below the boundary: whoever deploys cannot give themselves more. */
function roles({ partition, accountId, prefix, boundaryArn }: DeployerPlace): PlainStatement[] {
  const ours = `arn:${partition}:iam::${accountId}:role/${prefix}-*`;
  return [
    allow(
      "MakeRoles",
      family("iam", "CreateRole PutRolePolicy AttachRolePolicy PutRolePermissionsBoundary"),
      ours,
      { StringEquals: { "iam:PermissionsBoundary": boundaryArn } },
    ),
    allow(
      "KeepRoles",
      family(
        "iam",
        "DeleteRole DeleteRolePolicy DetachRolePolicy UpdateAssumeRolePolicy UpdateRole TagRole UntagRole",
      ),
      ours,
    ),
    allow("PassRoles", ["iam:PassRole"], ours, {
      StringEquals: { "iam:PassedToService": ["lambda.amazonaws.com", "backup.amazonaws.com"] },
    }),
  ];
}

function addresses(place: DeployerPlace): PlainStatement[] {
  const { partition, accountId, region, prefix } = place;
  const cloudFront = (kind: string) => `arn:${partition}:cloudfront::${accountId}:${kind}`;
  return [
    allow("Site", family("cloudfront", "Create* Update* Delete* PublishFunction TagResource UntagResource"), [
      cloudFront("distribution/*"),
      cloudFront("origin-access-control/*"),
      cloudFront("response-headers-policy/*"),
      cloudFront(`function/${prefix}-*`),
    ]),
    // The rules that AWS keeps up to date are of no account's.
    allow(
      "Firewall",
      family(
        "wafv2",
        "CreateWebACL UpdateWebACL DeleteWebACL GetWebACL TagResource UntagResource ListTagsForResource",
      ),
      [`webacl/${prefix}-*/*`, "managedruleset/*/*"].map(
        (kind) => `arn:${partition}:wafv2:us-east-1:${accountId}:global/${kind}`,
      ),
    ),
    allow(
      "Certificates",
      family("acm", "RequestCertificate DeleteCertificate AddTagsToCertificate RemoveTagsFromCertificate"),
      [...new Set([region, "us-east-1"])].map(
        (one) => `arn:${partition}:acm:${one}:${accountId}:certificate/*`,
      ),
    ),
    allow(
      "Names",
      ["route53:ChangeResourceRecordSets"],
      `arn:${partition}:route53:::hostedzone/*`,
      // No one is sent elsewhere with mail or by another name server.
      {
        "ForAllValues:StringEquals": {
          "route53:ChangeResourceRecordSetsRecordTypes": ["A", "AAAA", "CNAME"],
        },
      },
    ),
  ];
}

function watch(place: DeployerPlace): PlainStatement[] {
  const { partition, accountId, prefix } = place;
  return [
    allow(
      "Logs",
      family(
        "logs",
        "CreateLogGroup DeleteLogGroup PutRetentionPolicy DeleteRetentionPolicy AssociateKmsKey DisassociateKmsKey PutMetricFilter DeleteMetricFilter FilterLogEvents TagResource UntagResource",
      ),
      ["lambda", "apigateway"].map((kind) => arnOf(place, "logs", `log-group:/aws/${kind}/${prefix}-*`)),
    ),
    // An HTTP API asks for its access logs on behalf of who makes its stage; AWS knows no resource for these.
    allow(
      "AccessLogs",
      family(
        "logs",
        "CreateLogDelivery UpdateLogDelivery DeleteLogDelivery GetLogDelivery ListLogDeliveries PutResourcePolicy DescribeResourcePolicies",
      ),
      "*",
    ),
    allow(
      "Alarms",
      family(
        "cloudwatch",
        "PutMetricAlarm DeleteAlarms SetAlarmState PutDashboard DeleteDashboards TagResource UntagResource",
      ),
      [
        arnOf(place, "cloudwatch", `alarm:${prefix}-*`),
        `arn:${partition}:cloudwatch::${accountId}:dashboard/${prefix}-*`,
      ],
    ),
    allow(
      "Topics",
      family(
        "sns",
        "CreateTopic DeleteTopic SetTopicAttributes Subscribe Unsubscribe Publish TagResource UntagResource",
      ),
      arnOf(place, "sns", `${prefix}-*`),
    ),
    allow(
      "Probe",
      family(
        "sqs",
        "CreateQueue DeleteQueue GetQueueAttributes GetQueueUrl ListQueueTags SetQueueAttributes ReceiveMessage DeleteMessage TagQueue UntagQueue",
      ),
      arnOf(place, "sqs", `${prefix}-*`),
    ),
    allow(
      "Calls",
      family("cloudtrail", "CreateTrail UpdateTrail DeleteTrail StartLogging StopLogging AddTags RemoveTags"),
      arnOf(place, "cloudtrail", `trail/${prefix}-*`),
    ),
    allow(
      "Costs",
      family("budgets", "ViewBudget ModifyBudget ListTagsForResource TagResource UntagResource"),
      `arn:${partition}:budgets::${accountId}:budget/${prefix}-*`,
    ),
  ];
}

function network(place: DeployerPlace): PlainStatement[] {
  const everything = arnOf(place, "ec2", "*");
  const made =
    "CreateVpc CreateSubnet CreateRouteTable CreateSecurityGroup CreateVpcEndpoint CreateInternetGateway CreateNatGateway AllocateAddress AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress";
  const kept =
    "ModifyVpcAttribute ModifySubnetAttribute ModifyVpcEndpoint ModifySecurityGroupRules AssociateRouteTable DisassociateRouteTable AttachInternetGateway DetachInternetGateway CreateRoute ReplaceRoute DeleteRoute RevokeSecurityGroupIngress RevokeSecurityGroupEgress DeleteVpc DeleteSubnet DeleteRouteTable DeleteSecurityGroup DeleteVpcEndpoints DeleteInternetGateway DeleteNatGateway ReleaseAddress DisassociateAddress CreateTags DeleteTags";
  return [
    allow("MakeNetwork", family("ec2", made), everything, {
      StringEqualsIfExists: {
        "aws:RequestTag/system": "strategy-desk",
        "aws:ResourceTag/system": "strategy-desk",
      },
    }),
    allow("TagWhatIsMade", ["ec2:CreateTags"], everything, {
      StringEquals: {
        "ec2:CreateAction": made.split(" ").filter((action) => !action.startsWith("Authorize")),
      },
    }),
    allow("KeepNetwork", family("ec2", kept), everything, OUR_TAG),
  ];
}
