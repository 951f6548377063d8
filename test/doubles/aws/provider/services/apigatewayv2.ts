import {
  ApiGatewayV2Client,
  type Cors,
  CreateApiCommand,
  CreateApiMappingCommand,
  CreateDomainNameCommand,
  CreateIntegrationCommand,
  CreateRouteCommand,
  CreateStageCommand,
  DeleteApiCommand,
  DeleteApiMappingCommand,
  DeleteDomainNameCommand,
  DeleteIntegrationCommand,
  DeleteRouteCommand,
  DeleteStageCommand,
  GetApiCommand,
  GetApiMappingCommand,
  GetDomainNameCommand,
  GetIntegrationCommand,
  GetRouteCommand,
  GetStageCommand,
  TagResourceCommand,
  UpdateApiCommand,
  UpdateIntegrationCommand,
  UpdateRouteCommand,
  UpdateStageCommand,
} from "@aws-sdk/client-apigatewayv2";
import {
  type Kind,
  maybeFlag,
  maybeNumber,
  maybeText,
  recordOf,
  tagMap,
  textOf,
  textsOf,
  unlessGone,
  type Values,
} from "../kind.ts";

const GONE = ["NotFoundException"] as const;

function corsOf(inputs: Values): Cors | undefined {
  if (inputs.corsConfiguration === undefined) return undefined;
  const cors = recordOf(inputs, "corsConfiguration");
  return {
    AllowOrigins: textsOf(cors, "allowOrigins"),
    AllowMethods: textsOf(cors, "allowMethods"),
    AllowHeaders: textsOf(cors, "allowHeaders"),
    ExposeHeaders: textsOf(cors, "exposeHeaders"),
    MaxAge: maybeNumber(cors, "maxAge"),
    AllowCredentials: maybeFlag(cors, "allowCredentials"),
  };
}

const api: Kind = {
  create: async (inputs, clients) => {
    const made = await clients.of(ApiGatewayV2Client).send(
      new CreateApiCommand({
        Name: textOf(inputs, "name"),
        ProtocolType: textOf(inputs, "protocolType") as "HTTP",
        Description: maybeText(inputs, "description"),
        CorsConfiguration: corsOf(inputs),
        DisableExecuteApiEndpoint: maybeFlag(inputs, "disableExecuteApiEndpoint"),
        Tags: tagMap(inputs),
      }),
    );
    return made.ApiId ?? "";
  },
  read: async (id, clients) => {
    const asked = clients.of(ApiGatewayV2Client).send(new GetApiCommand({ ApiId: id }));
    const found = await unlessGone(asked, ...GONE);
    if (found === undefined) return undefined;
    const cors = found.CorsConfiguration;
    return {
      name: found.Name,
      protocolType: found.ProtocolType,
      description: found.Description ?? "",
      apiEndpoint: found.ApiEndpoint,
      arn: `arn:${clients.partition}:apigateway:${clients.region}::/apis/${id}`,
      executionArn: `arn:${clients.partition}:execute-api:${clients.region}:${clients.accountId}:${id}`,
      disableExecuteApiEndpoint: found.DisableExecuteApiEndpoint ?? false,
      corsConfiguration:
        cors === undefined
          ? undefined
          : {
              allowOrigins: cors.AllowOrigins,
              allowMethods: cors.AllowMethods,
              allowHeaders: cors.AllowHeaders,
              exposeHeaders: cors.ExposeHeaders,
              maxAge: cors.MaxAge,
            },
      tagsAll: found.Tags ?? {},
    };
  },
  update: async (id, inputs, clients, changed) => {
    const gateway = clients.of(ApiGatewayV2Client);
    await gateway.send(
      new UpdateApiCommand({
        ApiId: id,
        Name: textOf(inputs, "name"),
        Description: maybeText(inputs, "description"),
        CorsConfiguration: corsOf(inputs),
        DisableExecuteApiEndpoint: maybeFlag(inputs, "disableExecuteApiEndpoint"),
      }),
    );
    if (changed.has("tagsAll")) {
      const ResourceArn = `arn:${clients.partition}:apigateway:${clients.region}::/apis/${id}`;
      await gateway.send(new TagResourceCommand({ ResourceArn, Tags: tagMap(inputs) }));
    }
  },
  delete: async (id, _, clients) =>
    void (await unlessGone(
      clients.of(ApiGatewayV2Client).send(new DeleteApiCommand({ ApiId: id })),
      ...GONE,
    )),
};

function integrationSettings(inputs: Values) {
  return {
    ApiId: textOf(inputs, "apiId"),
    IntegrationType: textOf(inputs, "integrationType") as "AWS_PROXY",
    IntegrationUri: maybeText(inputs, "integrationUri"),
    IntegrationMethod: maybeText(inputs, "integrationMethod"),
    PayloadFormatVersion: maybeText(inputs, "payloadFormatVersion"),
    TimeoutInMillis: maybeNumber(inputs, "timeoutMilliseconds"),
  };
}

const integration: Kind = {
  create: async (inputs, clients) => {
    const command = new CreateIntegrationCommand(integrationSettings(inputs));
    const made = await clients.of(ApiGatewayV2Client).send(command);
    return made.IntegrationId ?? "";
  },
  read: async (id, clients, known) => {
    const command = new GetIntegrationCommand({ ApiId: textOf(known, "apiId"), IntegrationId: id });
    const found = await unlessGone(clients.of(ApiGatewayV2Client).send(command), ...GONE);
    if (found === undefined) return undefined;
    return {
      integrationType: found.IntegrationType,
      integrationUri: found.IntegrationUri,
      integrationMethod: found.IntegrationMethod,
      payloadFormatVersion: found.PayloadFormatVersion,
      timeoutMilliseconds: found.TimeoutInMillis,
    };
  },
  update: async (id, inputs, clients) =>
    void (await clients
      .of(ApiGatewayV2Client)
      .send(new UpdateIntegrationCommand({ IntegrationId: id, ...integrationSettings(inputs) }))),
  delete: async (id, state, clients) =>
    void (await unlessGone(
      clients
        .of(ApiGatewayV2Client)
        .send(new DeleteIntegrationCommand({ ApiId: textOf(state, "apiId"), IntegrationId: id })),
      ...GONE,
    )),
};

function routeSettings(inputs: Values) {
  return {
    ApiId: textOf(inputs, "apiId"),
    RouteKey: textOf(inputs, "routeKey"),
    Target: maybeText(inputs, "target"),
    AuthorizationType: maybeText(inputs, "authorizationType") as "NONE" | undefined,
  };
}

const route: Kind = {
  create: async (inputs, clients) => {
    const made = await clients.of(ApiGatewayV2Client).send(new CreateRouteCommand(routeSettings(inputs)));
    return made.RouteId ?? "";
  },
  read: async (id, clients, known) => {
    const command = new GetRouteCommand({ ApiId: textOf(known, "apiId"), RouteId: id });
    const found = await unlessGone(clients.of(ApiGatewayV2Client).send(command), ...GONE);
    if (found === undefined) return undefined;
    return { routeKey: found.RouteKey, target: found.Target, authorizationType: found.AuthorizationType };
  },
  update: async (id, inputs, clients) =>
    void (await clients
      .of(ApiGatewayV2Client)
      .send(new UpdateRouteCommand({ RouteId: id, ...routeSettings(inputs) }))),
  delete: async (id, state, clients) =>
    void (await unlessGone(
      clients
        .of(ApiGatewayV2Client)
        .send(new DeleteRouteCommand({ ApiId: textOf(state, "apiId"), RouteId: id })),
      ...GONE,
    )),
};

function stageSettings(inputs: Values) {
  const [log, routes] = [recordOf(inputs, "accessLogSettings"), recordOf(inputs, "defaultRouteSettings")];
  return {
    ApiId: textOf(inputs, "apiId"),
    StageName: textOf(inputs, "name"),
    AutoDeploy: maybeFlag(inputs, "autoDeploy"),
    AccessLogSettings:
      inputs.accessLogSettings === undefined
        ? undefined
        : { DestinationArn: textOf(log, "destinationArn"), Format: textOf(log, "format") },
    DefaultRouteSettings:
      inputs.defaultRouteSettings === undefined
        ? undefined
        : {
            ThrottlingRateLimit: maybeNumber(routes, "throttlingRateLimit"),
            ThrottlingBurstLimit: maybeNumber(routes, "throttlingBurstLimit"),
          },
  };
}

const stage: Kind = {
  create: async (inputs, clients) => {
    const command = new CreateStageCommand({ ...stageSettings(inputs), Tags: tagMap(inputs) });
    await clients.of(ApiGatewayV2Client).send(command);
    return textOf(inputs, "name");
  },
  read: async (id, clients, known) => {
    const apiId = textOf(known, "apiId");
    const command = new GetStageCommand({ ApiId: apiId, StageName: id });
    const found = await unlessGone(clients.of(ApiGatewayV2Client).send(command), ...GONE);
    if (found === undefined) return undefined;
    const throttling = found.DefaultRouteSettings;
    return {
      name: found.StageName,
      autoDeploy: found.AutoDeploy ?? false,
      arn: `arn:${clients.partition}:apigateway:${clients.region}::/apis/${apiId}/stages/${id}`,
      executionArn: `arn:${clients.partition}:execute-api:${clients.region}:${clients.accountId}:${apiId}/${id}`,
      invokeUrl: `https://${apiId}.execute-api.${clients.region}.amazonaws.com/`,
      accessLogSettings: {
        destinationArn: found.AccessLogSettings?.DestinationArn,
        format: found.AccessLogSettings?.Format,
      },
      defaultRouteSettings: {
        throttlingRateLimit: throttling?.ThrottlingRateLimit,
        throttlingBurstLimit: throttling?.ThrottlingBurstLimit,
      },
      tagsAll: found.Tags ?? {},
    };
  },
  update: async (_, inputs, clients) =>
    void (await clients.of(ApiGatewayV2Client).send(new UpdateStageCommand(stageSettings(inputs)))),
  delete: async (id, state, clients) =>
    void (await unlessGone(
      clients
        .of(ApiGatewayV2Client)
        .send(new DeleteStageCommand({ ApiId: textOf(state, "apiId"), StageName: id })),
      ...GONE,
    )),
};

const domainName: Kind = {
  create: async (inputs, clients) => {
    const settings = recordOf(inputs, "domainNameConfiguration");
    await clients.of(ApiGatewayV2Client).send(
      new CreateDomainNameCommand({
        DomainName: textOf(inputs, "domainName"),
        DomainNameConfigurations: [
          {
            CertificateArn: textOf(settings, "certificateArn"),
            EndpointType: textOf(settings, "endpointType") as "REGIONAL",
            SecurityPolicy: textOf(settings, "securityPolicy") as "TLS_1_2",
          },
        ],
        Tags: tagMap(inputs),
      }),
    );
    return textOf(inputs, "domainName");
  },
  read: async (id, clients, known) => {
    const asked = clients.of(ApiGatewayV2Client).send(new GetDomainNameCommand({ DomainName: id }));
    const found = await unlessGone(asked, ...GONE);
    if (found === undefined) return undefined;
    const there = found.DomainNameConfigurations?.[0];
    return {
      domainName: found.DomainName,
      arn: `arn:${clients.partition}:apigateway:${clients.region}::/domainnames/${id}`,
      domainNameConfiguration: {
        ...recordOf(known, "domainNameConfiguration"),
        certificateArn: there?.CertificateArn,
        endpointType: there?.EndpointType,
        securityPolicy: there?.SecurityPolicy,
        targetDomainName: there?.ApiGatewayDomainName,
        hostedZoneId: there?.HostedZoneId,
      },
      tagsAll: found.Tags ?? {},
    };
  },
  update: async (id, inputs, clients) => {
    const ResourceArn = `arn:${clients.partition}:apigateway:${clients.region}::/domainnames/${id}`;
    const command = new TagResourceCommand({ ResourceArn, Tags: tagMap(inputs) });
    await clients.of(ApiGatewayV2Client).send(command);
  },
  delete: async (id, _, clients) =>
    void (await unlessGone(
      clients.of(ApiGatewayV2Client).send(new DeleteDomainNameCommand({ DomainName: id })),
      ...GONE,
    )),
};

const apiMapping: Kind = {
  create: async (inputs, clients) => {
    const made = await clients.of(ApiGatewayV2Client).send(
      new CreateApiMappingCommand({
        ApiId: textOf(inputs, "apiId"),
        DomainName: textOf(inputs, "domainName"),
        Stage: textOf(inputs, "stage"),
        ApiMappingKey: maybeText(inputs, "apiMappingKey") ?? "",
      }),
    );
    return made.ApiMappingId ?? "";
  },
  read: async (id, clients, known) => {
    const command = new GetApiMappingCommand({ ApiMappingId: id, DomainName: textOf(known, "domainName") });
    const found = await unlessGone(clients.of(ApiGatewayV2Client).send(command), ...GONE);
    return found === undefined ? undefined : { apiId: found.ApiId, stage: found.Stage };
  },
  delete: async (id, state, clients) =>
    void (await unlessGone(
      clients
        .of(ApiGatewayV2Client)
        .send(new DeleteApiMappingCommand({ ApiMappingId: id, DomainName: textOf(state, "domainName") })),
      ...GONE,
    )),
};

export const kinds: Readonly<Record<string, Kind>> = {
  "aws:apigatewayv2/api:Api": api,
  "aws:apigatewayv2/integration:Integration": integration,
  "aws:apigatewayv2/route:Route": route,
  "aws:apigatewayv2/stage:Stage": stage,
  "aws:apigatewayv2/domainName:DomainName": domainName,
  "aws:apigatewayv2/apiMapping:ApiMapping": apiMapping,
};
