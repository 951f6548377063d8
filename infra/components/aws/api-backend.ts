import aws from "@pulumi/aws";
import pulumi from "@pulumi/pulumi";
import type { FunctionCategory } from "../../../automation/src/contract/aws/function-environment.ts";
import { FUNCTION_CATEGORIES, FUNCTIONS } from "../../../automation/src/contract/aws/function-environment.ts";
import { ApiFunction, type ApiFunctionArgs } from "./api-function.ts";
import { issuedCertificate } from "./certificate.ts";
import { nameOf } from "./place.ts";

export interface ApiBackendArgs extends Omit<ApiFunctionArgs, "category"> {
  /** Name of the API and the zone that it is in. Default: the address that AWS gives it. */
  domain?: { name: string; zoneId: pulumi.Input<string> } | undefined;
  /** Requests a second that the API takes on the long run, of everybody together. Default: 50. */
  requestsPerSecond?: number;
}

const STAGE = "$default";

/** Longer than any function may take, shorter than what an HTTP API allows. */
const INTEGRATION_TIMEOUT_MS = 29_000;

const ACCESS_LOG_FIELDS = {
  requestId: "$context.requestId",
  routeKey: "$context.routeKey",
  status: "$context.status",
  responseLatencyMs: "$context.responseLatency",
  integrationError: "$context.integrationErrorMessage",
} as const;

/** The API: a function for each category, the routes to them, and the name under which they are reached. */
export class ApiBackend extends pulumi.ComponentResource {
  readonly apiId: pulumi.Output<string>;
  /** Without a slash at the end. */
  readonly url: pulumi.Output<string>;
  readonly stage: string = STAGE;
  readonly functions: ReadonlyMap<FunctionCategory, ApiFunction>;
  readonly logGroup: pulumi.Output<string>;
  /** Null: the API has no domain of its own. */
  readonly certificateArn: pulumi.Output<string> | null;

  readonly #args: ApiBackendArgs;

  constructor(name: string, args: ApiBackendArgs, options?: pulumi.ComponentResourceOptions) {
    super("slipway:aws:ApiBackend", name, {}, options);
    this.#args = args;

    this.functions = new Map(
      FUNCTION_CATEGORIES.map((category) => [
        category,
        new ApiFunction({ ...args, category }, { parent: this }),
      ]),
    );
    const api = this.#createApi();
    for (const [category, made] of this.functions) this.#route(api, category, made);
    this.logGroup = this.#createLogs();
    const stage = this.#createStage(api);
    this.certificateArn = args.domain === undefined ? null : this.#giveDomain(api, stage, args.domain);

    this.apiId = api.id;
    this.url = args.domain === undefined ? api.apiEndpoint : pulumi.output(`https://${args.domain.name}`);
    this.registerOutputs({ url: this.url });
  }

  #createApi(): aws.apigatewayv2.Api {
    const { place, settings, domain } = this.#args;
    return new aws.apigatewayv2.Api(
      "api",
      {
        name: nameOf(place, "api"),
        description: `Strategy desk, ${place.environment}`,
        protocolType: "HTTP",
        corsConfiguration: {
          allowOrigins: [settings.allowedOrigin],
          allowMethods: ["GET", "POST", "PATCH", "DELETE"],
          allowHeaders: ["content-type", "x-correlation-id"],
          exposeHeaders: ["x-correlation-id", "location"],
          maxAge: 600,
        },
        // With a domain, nobody gets past it by the address that AWS gives.
        disableExecuteApiEndpoint: domain !== undefined,
        tags: place.tags,
      },
      { parent: this },
    );
  }

  #route(api: aws.apigatewayv2.Api, category: FunctionCategory, made: ApiFunction): void {
    const own = { parent: made };
    new aws.lambda.Permission(
      category,
      {
        statementId: "api",
        action: "lambda:InvokeFunction",
        function: made.functionName,
        qualifier: made.alias.name,
        principal: "apigateway.amazonaws.com",
        sourceArn: pulumi.interpolate`${api.executionArn}/*/*`,
      },
      own,
    );
    const integration = new aws.apigatewayv2.Integration(
      category,
      {
        apiId: api.id,
        integrationType: "AWS_PROXY",
        integrationUri: made.alias.invokeArn,
        integrationMethod: "POST",
        payloadFormatVersion: "2.0",
        timeoutMilliseconds: INTEGRATION_TIMEOUT_MS,
      },
      own,
    );
    for (const path of FUNCTIONS[category].paths) {
      new aws.apigatewayv2.Route(
        `any ${path}`,
        {
          apiId: api.id,
          routeKey: `ANY ${path}`,
          target: pulumi.interpolate`integrations/${integration.id}`,
          authorizationType: "NONE",
        },
        own,
      );
    }
  }

  #createLogs(): pulumi.Output<string> {
    const { place, kmsKeyArn, logRetentionDays = 90 } = this.#args;
    return new aws.cloudwatch.LogGroup(
      "api",
      {
        name: `/aws/apigateway/${nameOf(place, "api")}`,
        retentionInDays: logRetentionDays,
        kmsKeyId: kmsKeyArn,
        tags: place.tags,
      },
      { parent: this },
    ).arn;
  }

  #createStage(api: aws.apigatewayv2.Api): aws.apigatewayv2.Stage {
    const { place, requestsPerSecond = 50 } = this.#args;
    return new aws.apigatewayv2.Stage(
      "api",
      {
        apiId: api.id,
        name: STAGE,
        autoDeploy: true,
        accessLogSettings: { destinationArn: this.logGroup, format: JSON.stringify(ACCESS_LOG_FIELDS) },
        defaultRouteSettings: {
          throttlingRateLimit: requestsPerSecond,
          throttlingBurstLimit: requestsPerSecond * 2,
        },
        tags: place.tags,
      },
      { parent: this },
    );
  }

  #giveDomain(
    api: aws.apigatewayv2.Api,
    stage: aws.apigatewayv2.Stage,
    domain: { name: string; zoneId: pulumi.Input<string> },
  ): pulumi.Output<string> {
    const { place } = this.#args;
    const own = { parent: this };
    const certificateArn = issuedCertificate(
      "api",
      { place, domain: domain.name, zoneId: domain.zoneId },
      own,
    );
    const named = new aws.apigatewayv2.DomainName(
      "api",
      {
        domainName: domain.name,
        domainNameConfiguration: { certificateArn, endpointType: "REGIONAL", securityPolicy: "TLS_1_2" },
        tags: place.tags,
      },
      own,
    );
    new aws.apigatewayv2.ApiMapping(
      "api",
      { apiId: api.id, domainName: named.domainName, stage: stage.name },
      own,
    );
    const target = named.domainNameConfiguration;
    new aws.route53.Record(
      "api",
      {
        zoneId: domain.zoneId,
        name: domain.name,
        type: "A",
        aliases: [
          {
            name: target.targetDomainName,
            zoneId: target.hostedZoneId,
            evaluateTargetHealth: false,
          },
        ],
      },
      own,
    );
    return certificateArn;
  }
}
