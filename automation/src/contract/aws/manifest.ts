import { z } from "zod";

const Arn = z.string().regex(/^arn:aws[a-z-]*:/, "must be an ARN");
const Name = z.string().min(1).max(512);

/** One function, by the name of its folder in the artifact. */
export const ManifestFunction = z.strictObject({
  /** Of the function in AWS. */
  name: Name,
  arn: Arn,
  /** The alias that the API calls; only it decides which version serves. */
  alias: Name,
  logGroup: Name,
  /** Names of the variables that its configuration must have; values come from the stack. */
  environment: z.array(Name),
  /** GET path of the API that shows that this function works. */
  healthPath: z.string().startsWith("/"),
});
export type ManifestFunction = z.infer<typeof ManifestFunction>;

const Table = z.strictObject({ name: Name, indexes: z.array(Name) });

/**
 * Identifiers and endpoints of everything that a stack of the target `aws` has: its output `manifest`, which the steps after an update read and the release keeps. The shape is checked before
 * anything is uploaded.
 */
export const AwsManifest = z.strictObject({
  target: z.literal("aws"),
  region: Name,
  environment: Name,
  /** Bucket of the functions' packages; versioned. */
  artifactsBucket: Name,
  kmsKeyArn: Arn,
  functions: z.record(Name, ManifestFunction).refine((all) => Object.keys(all).length > 0, "has no function"),
  api: z.strictObject({
    id: Name,
    url: z.url(),
    /** Below `url`: where the routes begin that pages call. Default: at the root. */
    basePath: z
      .string()
      .regex(/^(\/[^/]+)+$/)
      .optional(),
    stage: Name,
    domain: Name.nullable(),
  }),
  site: z.strictObject({
    bucket: Name,
    distributionId: Name,
    distributionDomain: Name,
    /** Where people reach it. */
    url: z.url(),
    domain: Name.nullable(),
    /** What the generated configuration tells the user interface beside the API's address. */
    flags: z.record(z.string(), z.boolean()),
  }),
  /** Null: the stack has no domain of its own. */
  dns: z.strictObject({ zoneId: Name, zone: Name }).nullable(),
  certificates: z.strictObject({ site: Arn.nullable(), api: Arn.nullable() }),
  dataStores: z.strictObject({
    tables: z.record(Name, Table),
    cache: z.strictObject({ id: Name, endpoint: Name, port: z.int() }).nullable(),
    timeSeries: z.discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("none") }),
      z.strictObject({ kind: z.literal("liveanalytics"), database: Name, table: Name }),
      z.strictObject({ kind: z.literal("influxdb"), id: Name, endpoint: Name }),
    ]),
    backupPlans: z.array(Name),
  }),
  /** ARN of each slot's secret; never a value. */
  secrets: z.record(Name, Arn),
  monitoring: z.strictObject({
    topicArn: Arn,
    /** Queue that is subscribed to the topic, so that the arrival of an alert can be seen. */
    probeQueueUrl: z.url(),
    dashboards: z.array(Name),
    alarms: z.array(Name),
    tracing: z.boolean(),
  }),
});
export type AwsManifest = z.infer<typeof AwsManifest>;
