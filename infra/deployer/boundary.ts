import { arnOf } from "../components/aws/place.ts";
import type { DeployerPlace, PlainStatement } from "./statement.ts";

/** The most that a role of the stack can ever do, whatever its own policies say: data of the stack, its logs and traces, and backups of its tables. */
export function boundaryStatements(place: DeployerPlace): PlainStatement[] {
  const { prefix } = place;
  return [
    {
      Sid: "Tables",
      Effect: "Allow",
      Action: [
        "dynamodb:BatchGetItem",
        "dynamodb:ConditionCheckItem",
        "dynamodb:CreateBackup",
        "dynamodb:DeleteItem",
        "dynamodb:DescribeTable",
        "dynamodb:GetItem",
        "dynamodb:ListTagsOfResource",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:StartAwsBackupJob",
        "dynamodb:UpdateItem",
      ],
      Resource: arnOf(place, "dynamodb", `table/${prefix}-*`),
    },
    {
      Sid: "Secrets",
      Effect: "Allow",
      Action: ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
      Resource: arnOf(place, "secretsmanager", `secret:${prefix}-secret/*`),
    },
    {
      Sid: "Keys",
      Effect: "Allow",
      Action: ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*", "kms:CreateGrant"],
      Resource: "*",
      Condition: { StringEquals: { "aws:ResourceTag/system": "strategy-desk" } },
    },
    {
      Sid: "Logs",
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
      Resource: arnOf(place, "logs", `log-group:/aws/lambda/${prefix}-*`),
    },
    {
      Sid: "CacheAndTimeSeries",
      Effect: "Allow",
      Action: [
        "elasticache:Connect",
        "timestream:DescribeDatabase",
        "timestream:DescribeTable",
        "timestream:Select",
        "timestream:WriteRecords",
      ],
      Resource: [
        arnOf(place, "elasticache", `replicationgroup:${prefix}-*`),
        arnOf(place, "elasticache", `user:${prefix}-*`),
        arnOf(place, "timestream", `database/${prefix}-*`),
      ],
    },
    {
      Sid: "Backups",
      Effect: "Allow",
      Action: ["backup:CopyIntoBackupVault", "backup:DescribeBackupVault"],
      Resource: arnOf(place, "backup", `backup-vault:${prefix}-*`),
    },
    {
      // AWS knows no resource for these.
      Sid: "Everywhere",
      Effect: "Allow",
      Action: [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
        "timestream:DescribeEndpoints",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
      ],
      Resource: "*",
    },
  ];
}
