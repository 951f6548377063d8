import pulumi from "@pulumi/pulumi";
import { INFLUX_SLOT } from "../../automation/src/contract/aws/function-environment.ts";
import type { AwsManifest } from "../../automation/src/contract/aws/manifest.ts";
import { SECRET_SLOTS } from "../../automation/src/contract/aws/secret-slots.ts";
import type { ProgramPins } from "../../automation/src/contract/aws/shipment.ts";
import { TABLES } from "../../automation/src/contract/aws/tables.ts";
import { ApiBackend } from "../components/aws/api-backend.ts";
import { DataStores, type TimeSeriesArgs } from "../components/aws/data-stores.ts";
import { Firewall } from "../components/aws/firewall.ts";
import { Foundation } from "../components/aws/foundation.ts";
import { manifestOf } from "../components/aws/manifest.ts";
import { Network } from "../components/aws/network.ts";
import { Observability } from "../components/aws/observability.ts";
import { type Place, placeOf } from "../components/aws/place.ts";
import { SecretSlots } from "../components/aws/secret-slots.ts";
import { StaticSite } from "../components/aws/static-site.ts";
import type { AwsConfig } from "../config.ts";

export interface StackOutputs {
  url: pulumi.Output<string>;
  apiUrl: pulumi.Output<string>;
  /** Everything that the steps after an update need to know. */
  manifest: pulumi.Output<AwsManifest>;
}

/** The sample on AWS: its shape. Code, files and secrets come by shipping a release and by filling the slots. */
export function deployAws(config: AwsConfig, pins: ProgramPins, accountId: string): StackOutputs {
  const place = placeIn(accountId, config);
  const alertEmails = config["strategyDesk:alertEmails"];
  const keepReplacedDays = config["strategyDesk:rollbackDays"];

  const foundation = new Foundation("foundation", {
    place,
    zone: zoneOf(config),
    trail: config["strategyDesk:trail"],
    monthlyBudgetUsd: config["strategyDesk:monthlyBudgetUsd"],
    alertEmails,
    keepReplacedDays,
  });
  const { kmsKeyArn } = foundation;
  const network = needsNetwork(config)
    ? new Network("network", {
        place,
        cidr: config["strategyDesk:networkCidr"],
        egress: config["strategyDesk:egress"],
      })
    : undefined;
  const stores = new DataStores("data-stores", {
    place,
    kmsKeyArn,
    tables: TABLES,
    network,
    cache: cacheOf(config),
    timeSeries: timeSeriesOf(config),
    backupDays: config["strategyDesk:backupDays"],
  });
  const secrets = new SecretSlots("secrets", { place, kmsKeyArn, slots: slotsOf(config) });
  const site = new StaticSite("site", {
    place,
    domain: domainIn(foundation, config["strategyDesk:domain"]),
    apiDomain: config["strategyDesk:apiDomain"],
    firewallArn: firewallOf(place, config)?.arn,
    keepReplacedDays,
  });
  const api = new ApiBackend("api", {
    place,
    kmsKeyArn,
    artifactsBucket: foundation.artifactsBucket,
    pins,
    stores,
    secrets,
    network,
    settings: {
      environment: config["strategyDesk:environment"],
      executionMode: config["strategyDesk:executionMode"],
      secretsEpoch: config["slipway:secretsEpoch"],
      logLevel: config["strategyDesk:logLevel"],
      allowedOrigin: site.url,
    },
    domain: domainIn(foundation, config["strategyDesk:apiDomain"]),
    memoryMiB: config["strategyDesk:memoryMiB"],
    logRetentionDays: config["strategyDesk:logRetentionDays"],
    requestsPerSecond: config["strategyDesk:requestsPerSecond"],
  });
  const observability = new Observability("observability", {
    place,
    kmsKeyArn,
    apiId: api.apiId,
    functions: api.functions,
    tables: Object.fromEntries(Object.entries(stores.tables).map(([key, table]) => [key, table.name])),
    distributionId: site.distributionId,
    alertEmails,
  });

  const manifest = manifestOf(
    { place, foundation, stores, secrets, site, api, observability },
    {
      domain: config["strategyDesk:domain"],
      apiDomain: config["strategyDesk:apiDomain"],
      flags: config["strategyDesk:flags"],
    },
  );
  return { url: site.url, apiUrl: pulumi.interpolate`${api.url}/api`, manifest };
}

function placeIn(accountId: string, config: AwsConfig): Place {
  return placeOf({
    environment: config["strategyDesk:environment"],
    region: config["aws:region"],
    accountId,
    owner: config["strategyDesk:owner"],
    keepsData: config["strategyDesk:protection"] === "on",
    boundary: config["strategyDesk:permissionsBoundary"],
  });
}

function zoneOf(config: AwsConfig) {
  const name = config["strategyDesk:zone"];
  return name === undefined ? undefined : { name, create: config["strategyDesk:createZone"] };
}

function domainIn({ zone }: Foundation, name: string | undefined) {
  return name === undefined || zone === null ? undefined : { name, zoneId: zone.id };
}

function firewallOf(place: Place, config: AwsConfig): Firewall | undefined {
  if (config["strategyDesk:firewall"] === "none") return undefined;
  return new Firewall("firewall", {
    place,
    requestsPerAddress: config["strategyDesk:firewallRequests"],
  });
}

function needsNetwork(config: AwsConfig): boolean {
  return config["strategyDesk:cache"] !== "none" || config["strategyDesk:timeSeries"] === "influxdb";
}

function cacheOf(config: AwsConfig) {
  if (config["strategyDesk:cache"] === "none") return undefined;
  return { nodeType: config["strategyDesk:cacheNodeType"], nodes: config["strategyDesk:cacheNodes"] };
}

/** Nobody is asked for the token of a data store that the stack does not have. */
function slotsOf(config: AwsConfig) {
  const hasInflux = config["strategyDesk:timeSeries"] === "influxdb";
  return SECRET_SLOTS.filter(({ name }) => name !== INFLUX_SLOT || hasInflux);
}

function timeSeriesOf(config: AwsConfig): TimeSeriesArgs {
  const kind = config["strategyDesk:timeSeries"];
  switch (kind) {
    case "none":
      return { kind };
    case "liveanalytics":
      return { kind, keepDays: 365 };
    case "influxdb":
      return {
        kind,
        instanceType: config["strategyDesk:influxInstanceType"],
        storageGiB: config["strategyDesk:influxStorageGiB"],
        firstPassword: new pulumi.Config("strategyDesk").requireSecret("influxFirstPassword"),
      };
  }
}
