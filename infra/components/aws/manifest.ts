import pulumi from "@pulumi/pulumi";
import {
  FUNCTIONS,
  type FunctionCategory,
  type SlotName,
} from "../../../automation/src/contract/aws/function-environment.ts";
import { AwsManifest } from "../../../automation/src/contract/aws/manifest.ts";
import type { ApiBackend } from "./api-backend.ts";
import type { ApiFunction } from "./api-function.ts";
import type { DataStores } from "./data-stores.ts";
import type { Foundation } from "./foundation.ts";
import type { Observability } from "./observability.ts";
import type { Place } from "./place.ts";
import type { SecretSlots } from "./secret-slots.ts";
import type { StaticSite } from "./static-site.ts";

export interface StackParts {
  place: Place;
  foundation: Foundation;
  stores: DataStores;
  secrets: SecretSlots<SlotName>;
  site: StaticSite;
  api: ApiBackend;
  observability: Observability;
}

/** Identifiers and endpoints of a stack. Throws pulumi.RunError, in an update, when something is missing or malformed; in a preview what is not known yet is not looked at. */
export function manifestOf(
  parts: StackParts,
  settings: { domain: string | undefined; apiDomain: string | undefined; flags: Record<string, boolean> },
): pulumi.Output<AwsManifest> {
  const { place, foundation, stores, secrets, site, api, observability } = parts;
  const { domain = null, apiDomain = null, flags } = settings;
  return pulumi
    .output({
      target: "aws",
      region: place.region,
      environment: place.environment,
      artifactsBucket: foundation.artifactsBucket,
      kmsKeyArn: foundation.kmsKeyArn,
      functions: Object.fromEntries(
        [...api.functions].map(([category, made]) => [category, functionOf(category, made)]),
      ),
      api: { id: api.apiId, url: api.url, basePath: "/api", stage: api.stage, domain: apiDomain },
      site: {
        bucket: site.bucketName,
        distributionId: site.distributionId,
        distributionDomain: site.distributionDomain,
        url: site.url,
        domain,
        flags,
      },
      dns: foundation.zone === null ? null : { zoneId: foundation.zone.id, zone: foundation.zone.name },
      certificates: { site: site.certificateArn, api: api.certificateArn },
      dataStores: {
        tables: Object.fromEntries(
          Object.entries(stores.tables).map(([key, { name, indexes }]) => [key, { name, indexes }]),
        ),
        cache: stores.cache,
        timeSeries: timeSeriesOf(stores),
        backupPlans: stores.backupPlans,
      },
      secrets: Object.fromEntries(secrets.arns),
      monitoring: {
        topicArn: observability.topicArn,
        probeQueueUrl: observability.probeQueueUrl,
        dashboards: [observability.dashboard],
        alarms: observability.alarms,
        tracing: true,
      },
    })
    .apply(checkedManifest);
}

function timeSeriesOf({ timeSeries }: DataStores) {
  if (timeSeries.kind !== "influxdb") return timeSeries;
  return { kind: timeSeries.kind, id: timeSeries.id, endpoint: timeSeries.endpoint };
}

function functionOf(category: FunctionCategory, made: ApiFunction) {
  return {
    name: made.functionName,
    arn: made.arn,
    alias: made.alias.name,
    logGroup: made.logGroup,
    environment: made.variables,
    healthPath: FUNCTIONS[category].healthPath,
  };
}

/** The manifest, when it is one. Throws pulumi.RunError, of which the CLI shows the message alone, that names every field which is missing or malformed. */
export function checkedManifest(manifest: unknown): AwsManifest {
  const parsed = AwsManifest.safeParse(manifest);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map(({ path, message }) => `  ${path.map(String).join(".")}: ${message}`);
  throw new pulumi.RunError(["The manifest of the stack is incomplete:", ...lines].join("\n"));
}
