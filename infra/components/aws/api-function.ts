import aws from "@pulumi/aws";
import pulumi from "@pulumi/pulumi";
import type {
  FunctionCategory,
  SlotName,
} from "../../../automation/src/contract/aws/function-environment.ts";
import { FUNCTIONS, secretsOf } from "../../../automation/src/contract/aws/function-environment.ts";
import type { ProgramPin, ProgramPins } from "../../../automation/src/contract/aws/shipment.ts";
import type { DataStores } from "./data-stores.ts";
import { functionStatements } from "./function-policy.ts";
import { type FunctionSettings, functionVariables, partsOf } from "./function-variables.ts";
import type { Network } from "./network.ts";
import { ARTIFACTS, globalNameOf, nameOf, type Place } from "./place.ts";
import { policyDocument } from "./policy-document.ts";
import type { SecretSlots } from "./secret-slots.ts";
import { serviceRole } from "./service-role.ts";

export interface ApiFunctionArgs {
  place: Place;
  category: FunctionCategory;
  kmsKeyArn: pulumi.Input<string>;
  /** Bucket of the packages that pins name. */
  artifactsBucket: pulumi.Input<string>;
  pins: ProgramPins;
  stores: DataStores;
  secrets: SecretSlots<SlotName>;
  network: Network | undefined;
  settings: FunctionSettings;
  /** MiB. Default: 512. */
  memoryMiB?: number;
  /** Seconds; an HTTP API waits for 30 at most. Default: 20. */
  timeoutSeconds?: number;
  /** Days, one of those that CloudWatch knows. Default: 90. */
  logRetentionDays?: number;
}

/** Alias that the API calls. Only shipping a release moves it. */
export const LIVE = "live";

/**
 * One function: its role, its logs, its shape and the alias that serves. The code comes by shipping a release: the program puts in what is pinned for a function by this very name, or else a placeholder, and
 * leaves it alone from then on. A change of the shape publishes a version that serves nobody until it is shipped; an alias that somebody moved is drift.
 */
export class ApiFunction extends pulumi.ComponentResource {
  readonly functionName: pulumi.Output<string>;
  readonly arn: pulumi.Output<string>;
  readonly alias: aws.lambda.Alias;
  readonly logGroup: pulumi.Output<string>;
  /** Names of its variables, sorted. */
  readonly variables: string[];

  constructor(args: ApiFunctionArgs, options?: pulumi.ComponentResourceOptions) {
    const { place, category, logRetentionDays = 90 } = args;
    super("slipway:aws:ApiFunction", category, {}, options);
    const own = { parent: this };
    const name = functionNameOf(place, category);
    const { usesCache, usesTimeSeries } = FUNCTIONS[category];
    const { stores } = args;
    const entersNetwork =
      (usesCache && stores.cache !== null) || (usesTimeSeries && stores.timeSeries.kind === "influxdb");
    const pin = pinOf(args);
    const variables = functionVariables(category, args);
    this.variables = Object.keys(variables).sort();

    // Before the function, which would else make a group itself: without end of retention and without key.
    const logs = new aws.cloudwatch.LogGroup(
      category,
      {
        name: `/aws/lambda/${name}`,
        retentionInDays: logRetentionDays,
        kmsKeyId: args.kmsKeyArn,
        tags: place.tags,
      },
      own,
    );
    const role = serviceRole(category, { place, service: "lambda.amazonaws.com" }, own);
    const allowed = new aws.iam.RolePolicy(
      category,
      {
        name,
        role: role.name,
        policy: policyDocument(
          functionStatements(category, {
            place,
            kmsKeyArn: args.kmsKeyArn,
            logGroupArn: logs.arn,
            stores,
            secretArns: secretsOf(category, partsOf(stores)).map((slot) => args.secrets.arnOf(slot)),
            isInNetwork: entersNetwork,
          }),
        ),
      },
      own,
    );
    const made = new aws.lambda.Function(
      category,
      {
        name,
        description: `Answers ${FUNCTIONS[category].paths[0]}`,
        role: role.arn,
        runtime: "nodejs24.x",
        architectures: ["arm64"],
        handler: "index.handler",
        memorySize: args.memoryMiB ?? 512,
        timeout: args.timeoutSeconds ?? 20,
        publish: true,
        ...codeOf(args, pin),
        kmsKeyArn: args.kmsKeyArn,
        environment: { variables },
        tracingConfig: { mode: "Active" },
        loggingConfig: { logFormat: "JSON", logGroup: logs.name },
        ...(entersNetwork && args.network !== undefined
          ? {
              vpcConfig: {
                subnetIds: args.network.privateSubnetIds,
                securityGroupIds: [args.network.functionsGroupId],
              },
            }
          : {}),
        tags: place.tags,
      },
      { ...own, dependsOn: allowed, ignoreChanges: CODE },
    );
    this.alias = new aws.lambda.Alias(
      category,
      {
        name: LIVE,
        description: "The version that the API calls",
        functionName: made.name,
        functionVersion: pin?.version ?? made.version,
      },
      // Weights are of the moment: a canary sets them and takes them away.
      { ...own, ignoreChanges: ["routingConfig"] },
    );

    this.functionName = made.name;
    this.arn = made.arn;
    this.logGroup = logs.name;
    this.registerOutputs({});
  }
}

/** What the function is called in AWS, as pins name it. Another name is another function: it has none of the versions of this one. */
function functionNameOf(place: Place, category: FunctionCategory): string {
  return nameOf(place, category);
}

/** What shipping a release changes by itself. */
const CODE = ["code", "s3Bucket", "s3Key", "s3ObjectVersion"];

/** The pin that was made for the function of this name: another has no such version, and an alias that pointed to it could not be made. */
function pinOf({ category, pins, place }: ApiFunctionArgs): ProgramPin | undefined {
  const pin = pins[category];
  return pin?.functionName === functionNameOf(place, category) ? pin : undefined;
}

function codeOf({ place, artifactsBucket }: ApiFunctionArgs, pin: ProgramPin | undefined) {
  if (pin?.artifactsBucket !== globalNameOf(place, ARTIFACTS)) return { code: placeholder() };
  return { s3Bucket: artifactsBucket, s3Key: pin.s3Key, s3ObjectVersion: pin.s3ObjectVersion };
}

/** What a function is until its first release: something that says so. */
function placeholder(): pulumi.asset.Archive {
  const answer = { statusCode: 503, body: "Nothing was released yet." };
  const source = `export const handler = async () => (${JSON.stringify(answer)});\n`;
  return new pulumi.asset.AssetArchive({ "index.mjs": new pulumi.asset.StringAsset(source) });
}
