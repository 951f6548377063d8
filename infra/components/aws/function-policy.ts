import pulumi from "@pulumi/pulumi";
import type { FunctionCategory } from "../../../automation/src/contract/aws/function-environment.ts";
import { FUNCTIONS, tableKeys } from "../../../automation/src/contract/aws/function-environment.ts";
import type { TableAccess } from "../../../automation/src/contract/aws/tables.ts";
import { COUNTER_PARTITION, TABLE_ACTIONS } from "../../../automation/src/contract/aws/tables.ts";
import type { DataStores, MadeTable } from "./data-stores.ts";
import { arnOf, nameOf, type Place } from "./place.ts";
import type { Statement } from "./policy-document.ts";

export interface FunctionNeeds {
  place: Place;
  kmsKeyArn: pulumi.Input<string>;
  logGroupArn: pulumi.Output<string>;
  stores: DataStores;
  secretArns: readonly pulumi.Output<string>[];
  isInNetwork: boolean;
}

/** What a function may do: what its specification names and nothing else. */
export function functionStatements(category: FunctionCategory, needs: FunctionNeeds): Statement[] {
  const { tables, usesCache, usesTimeSeries } = FUNCTIONS[category];
  const { stores, secretArns, place } = needs;
  return [
    {
      Sid: "Log",
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
      Resource: pulumi.interpolate`${needs.logGroupArn}:*`,
    },
    // Traces have no resource that could be named.
    {
      Sid: "Trace",
      Effect: "Allow",
      Action: ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
      Resource: "*",
    },
    { Sid: "Decrypt", Effect: "Allow", Action: "kms:Decrypt", Resource: needs.kmsKeyArn },
    ...tableKeys(tables).flatMap((key) => tableStatements(key, tables[key] ?? "read", stores.tables[key])),
    ...(secretArns.length === 0
      ? []
      : [
          {
            Sid: "ReadSecrets",
            Effect: "Allow",
            Action: ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
            Resource: secretArns,
          } as const,
        ]),
    ...(usesCache && stores.cache !== null ? [cacheStatement(place)] : []),
    ...(usesTimeSeries ? timeSeriesStatements(place, stores) : []),
    ...(needs.isInNetwork ? [NETWORK_INTERFACES] : []),
  ];
}

/** Lambda makes the interfaces of a function with its role; AWS takes no resource for these. */
const NETWORK_INTERFACES: Statement = {
  Sid: "EnterNetwork",
  Effect: "Allow",
  Action: [
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
  ],
  Resource: "*",
};

function tableStatements(key: string, access: TableAccess, table: MadeTable): Statement[] {
  const name = key.replaceAll(/(^|-)([a-z])/g, (_, _dash: string, letter: string) => letter.toUpperCase());
  // A health check asks whether the table is there.
  const look: Statement = {
    Sid: `LookAt${name}`,
    Effect: "Allow",
    Action: "dynamodb:DescribeTable",
    Resource: table.arn,
  };
  if (access !== "append") {
    return [
      look,
      {
        Sid: access === "read" ? `Read${name}` : `Write${name}`,
        Effect: "Allow",
        Action: TABLE_ACTIONS[access],
        Resource: [table.arn, pulumi.interpolate`${table.arn}/index/*`],
      },
    ];
  }
  const [put, update] = TABLE_ACTIONS.append;
  return [
    look,
    { Sid: `Append${name}`, Effect: "Allow", Action: put, Resource: table.arn },
    {
      Sid: `Count${name}`,
      Effect: "Allow",
      Action: update,
      Resource: table.arn,
      // Entries that are there can be changed by nobody.
      Condition: { "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": [COUNTER_PARTITION] } },
    },
  ];
}

function cacheStatement(place: Place): Statement {
  return {
    Sid: "Cache",
    Effect: "Allow",
    Action: "elasticache:Connect",
    Resource: [
      arnOf(place, "elasticache", `replicationgroup:${nameOf(place, "cache")}`),
      arnOf(place, "elasticache", `user:${nameOf(place, "functions")}`),
    ],
  };
}

function timeSeriesStatements(place: Place, { timeSeries }: DataStores): Statement[] {
  switch (timeSeries.kind) {
    case "none":
    // It is asked by its address, with the token of its slot: no call of AWS.
    case "influxdb":
      return [];
    case "liveanalytics":
      return [
        {
          Sid: "TimeSeries",
          Effect: "Allow",
          Action: ["timestream:WriteRecords", "timestream:Select", "timestream:DescribeTable"],
          Resource: pulumi.interpolate`${arnOf(place, "timestream", "database/")}${timeSeries.database}/table/${timeSeries.table}`,
        },
        {
          Sid: "TimeSeriesDatabase",
          Effect: "Allow",
          Action: "timestream:DescribeDatabase",
          Resource: pulumi.interpolate`${arnOf(place, "timestream", "database/")}${timeSeries.database}`,
        },
        // The client asks where its cell is before every other call; this has no resource.
        { Sid: "TimeSeriesCell", Effect: "Allow", Action: "timestream:DescribeEndpoints", Resource: "*" },
      ];
  }
}
