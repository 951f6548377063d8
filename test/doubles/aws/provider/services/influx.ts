import type { Clients } from "../clients.ts";
import { callJson, type JsonService } from "../json-call.ts";
import {
  type Kind,
  maybeFlag,
  maybeNumber,
  maybeText,
  recordOf,
  tagMap,
  tagsToDrop,
  textOf,
  textsOf,
  unlessGone,
  type Values,
} from "../kind.ts";

/** Timestream for InfluxDB: https://docs.aws.amazon.com/ts-influxdb/latest/ts-influxdb-api/ */
export const INFLUX: JsonService = {
  name: "timestream-influxdb",
  target: "AmazonTimestreamInfluxDB",
  protocol: "1.0",
};
const GONE = "ResourceNotFoundException";
/** The stand-in's are ready when they are looked at for the second time. */
const MOST_LOOKS = 100;

async function tagsOf(resourceArn: string, clients: Clients): Promise<Values> {
  return recordOf(await callJson(clients, INFLUX, "ListTagsForResource", { resourceArn }), "tags");
}

/** Waits until the instance can be used, as the provider does. Throws when it comes to nothing. */
async function untilAvailable(identifier: string, clients: Clients): Promise<void> {
  for (let asked = 0; asked < MOST_LOOKS; asked += 1) {
    const { status } = await callJson(clients, INFLUX, "GetDbInstance", { identifier });
    if (status === "AVAILABLE") return;
    if (status === "FAILED") break;
  }
  throw new Error(`the instance ${identifier} does not become available`);
}

const instance: Kind = {
  create: async (inputs, clients) => {
    const made = await callJson(clients, INFLUX, "CreateDbInstance", {
      name: textOf(inputs, "name"),
      username: maybeText(inputs, "username"),
      password: textOf(inputs, "password"),
      organization: maybeText(inputs, "organization"),
      bucket: maybeText(inputs, "bucket"),
      dbInstanceType: textOf(inputs, "dbInstanceType"),
      allocatedStorage: maybeNumber(inputs, "allocatedStorage"),
      publiclyAccessible: maybeFlag(inputs, "publiclyAccessible"),
      vpcSubnetIds: textsOf(inputs, "vpcSubnetIds"),
      vpcSecurityGroupIds: textsOf(inputs, "vpcSecurityGroupIds"),
      tags: tagMap(inputs),
    });
    const id = textOf(made, "id");
    await untilAvailable(id, clients);
    return id;
  },
  read: async (identifier, clients) => {
    const found = await unlessGone(callJson(clients, INFLUX, "GetDbInstance", { identifier }), GONE);
    if (found === undefined) return undefined;
    // Organization, bucket and who signs in are never told.
    return {
      arn: found.arn,
      name: found.name,
      endpoint: found.endpoint,
      port: found.port,
      networkType: found.networkType,
      dbInstanceType: found.dbInstanceType,
      dbStorageType: found.dbStorageType,
      deploymentType: found.deploymentType,
      allocatedStorage: found.allocatedStorage,
      publiclyAccessible: found.publiclyAccessible,
      vpcSubnetIds: found.vpcSubnetIds,
      vpcSecurityGroupIds: found.vpcSecurityGroupIds,
      availabilityZone: found.availabilityZone,
      secondaryAvailabilityZone: found.secondaryAvailabilityZone,
      influxAuthParametersSecretArn: found.influxAuthParametersSecretArn,
      tagsAll: await tagsOf(textOf(found, "arn"), clients),
    };
  },
  update: async (identifier, inputs, clients, changed) => {
    const { arn } = await callJson(clients, INFLUX, "GetDbInstance", { identifier });
    if (changed.has("dbInstanceType") || changed.has("allocatedStorage")) {
      await callJson(clients, INFLUX, "UpdateDbInstance", {
        identifier,
        dbInstanceType: textOf(inputs, "dbInstanceType"),
        allocatedStorage: maybeNumber(inputs, "allocatedStorage"),
      });
      await untilAvailable(identifier, clients);
    }
    if (!changed.has("tagsAll")) return;
    const tagKeys = tagsToDrop(inputs, await tagsOf(String(arn), clients));
    if (tagKeys.length > 0) await callJson(clients, INFLUX, "UntagResource", { resourceArn: arn, tagKeys });
    await callJson(clients, INFLUX, "TagResource", { resourceArn: arn, tags: tagMap(inputs) });
  },
  delete: async (identifier, _, clients) =>
    void (await unlessGone(callJson(clients, INFLUX, "DeleteDbInstance", { identifier }), GONE)),
};

export const kinds: Readonly<Record<string, Kind>> = {
  "aws:timestreaminfluxdb/dbInstance:DbInstance": instance,
};
