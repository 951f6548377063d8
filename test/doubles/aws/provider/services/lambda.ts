import {
  AddPermissionCommand,
  CreateAliasCommand,
  CreateFunctionCommand,
  DeleteAliasCommand,
  DeleteFunctionCommand,
  type FunctionCode,
  GetAliasCommand,
  GetFunctionCommand,
  GetPolicyCommand,
  LambdaClient,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  RemovePermissionCommand,
  type Runtime,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import { packed } from "../archives.ts";
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

const GONE = ["ResourceNotFoundException"] as const;
const CODE = ["code", "s3Bucket", "s3Key", "s3ObjectVersion", "architectures"] as const;

async function codeOf(inputs: Values): Promise<FunctionCode> {
  if (inputs.code !== undefined) return { ZipFile: await packed(inputs.code) };
  return {
    S3Bucket: textOf(inputs, "s3Bucket"),
    S3Key: textOf(inputs, "s3Key"),
    S3ObjectVersion: maybeText(inputs, "s3ObjectVersion"),
  };
}

/** Without the role, which AWS sets apart. */
function configuration(inputs: Values) {
  const network = recordOf(inputs, "vpcConfig");
  const logging = recordOf(inputs, "loggingConfig");
  const deadLetters = recordOf(inputs, "deadLetterConfig");
  return {
    Role: textOf(inputs, "role"),
    Runtime: maybeText(inputs, "runtime") as Runtime | undefined,
    Handler: maybeText(inputs, "handler"),
    Description: maybeText(inputs, "description") ?? "",
    MemorySize: maybeNumber(inputs, "memorySize") ?? 128,
    Timeout: maybeNumber(inputs, "timeout") ?? 3,
    KMSKeyArn: maybeText(inputs, "kmsKeyArn"),
    Environment: {
      Variables: Object.fromEntries(
        Object.entries(recordOf(recordOf(inputs, "environment"), "variables")).map(([name, value]) => [
          name,
          String(value),
        ]),
      ),
    },
    TracingConfig: {
      Mode: (maybeText(recordOf(inputs, "tracingConfig"), "mode") ?? "PassThrough") as "Active",
    },
    ...("deadLetterConfig" in inputs
      ? { DeadLetterConfig: { TargetArn: textOf(deadLetters, "targetArn") } }
      : {}),
    ...("loggingConfig" in inputs
      ? {
          LoggingConfig: {
            LogFormat: textOf(logging, "logFormat") as "JSON",
            LogGroup: maybeText(logging, "logGroup"),
          },
        }
      : {}),
    ...("vpcConfig" in inputs
      ? {
          VpcConfig: {
            SubnetIds: textsOf(network, "subnetIds"),
            SecurityGroupIds: textsOf(network, "securityGroupIds"),
          },
        }
      : {}),
  };
}

const lambdaFunction: Kind = {
  create: async (inputs, clients) => {
    const name = textOf(inputs, "name");
    await clients.of(LambdaClient).send(
      new CreateFunctionCommand({
        FunctionName: name,
        Code: await codeOf(inputs),
        Publish: maybeFlag(inputs, "publish") ?? false,
        Architectures: textsOf(inputs, "architectures") as "arm64"[],
        Tags: tagMap(inputs),
        ...configuration(inputs),
      }),
    );
    return name;
  },
  read: async (id, clients, known) => {
    const lambda = clients.of(LambdaClient);
    const found = await unlessGone(lambda.send(new GetFunctionCommand({ FunctionName: id })), ...GONE);
    const there = found?.Configuration;
    if (there === undefined) return undefined;
    const listed = await lambda.send(new ListVersionsByFunctionCommand({ FunctionName: id }));
    const version = listed.Versions?.at(-1)?.Version ?? "$LATEST";
    const arn = there.FunctionArn ?? "";
    return {
      name: there.FunctionName,
      arn,
      version,
      qualifiedArn: `${arn}:${version}`,
      invokeArn: invokeArnOf(clients.region, arn),
      qualifiedInvokeArn: invokeArnOf(clients.region, `${arn}:${version}`),
      lastModified: there.LastModified,
      codeSha256: there.CodeSha256,
      sourceCodeSize: there.CodeSize,
      role: there.Role,
      runtime: there.Runtime,
      handler: there.Handler,
      description: there.Description ?? "",
      memorySize: there.MemorySize,
      timeout: there.Timeout,
      architectures: there.Architectures,
      kmsKeyArn: there.KMSKeyArn ?? "",
      environment: { variables: there.Environment?.Variables ?? {} },
      tracingConfig: { mode: there.TracingConfig?.Mode },
      loggingConfig: {
        logFormat: there.LoggingConfig?.LogFormat,
        logGroup: there.LoggingConfig?.LogGroup,
      },
      ...("vpcConfig" in known
        ? {
            vpcConfig: {
              subnetIds: there.VpcConfig?.SubnetIds,
              securityGroupIds: there.VpcConfig?.SecurityGroupIds,
            },
          }
        : {}),
      tagsAll: found?.Tags ?? {},
    };
  },
  update: async (id, inputs, clients, changed) => {
    const lambda = clients.of(LambdaClient);
    if (changed.has("tagsAll")) {
      const there = await lambda.send(new GetFunctionCommand({ FunctionName: id }));
      const Resource = there.Configuration?.FunctionArn;
      const TagKeys = tagsToDrop(inputs, there.Tags ?? {});
      if (TagKeys.length > 0) await lambda.send(new UntagResourceCommand({ Resource, TagKeys }));
      await lambda.send(new TagResourceCommand({ Resource, Tags: tagMap(inputs) }));
    }
    const shape = [...changed].filter((name) => !name.startsWith("tags") && name !== "publish");
    const code = shape.some((name) => CODE.some((one) => one === name));
    const rest = shape.some((name) => !CODE.some((one) => one === name));
    if (rest) {
      const command = { FunctionName: id, ...configuration(inputs) };
      await lambda.send(new UpdateFunctionConfigurationCommand(command));
    }
    if (code) {
      await lambda.send(
        new UpdateFunctionCodeCommand({
          FunctionName: id,
          Architectures: textsOf(inputs, "architectures") as "arm64"[],
          ...(await codeOf(inputs)),
        }),
      );
    }
    if (shape.length > 0 && maybeFlag(inputs, "publish") === true)
      await lambda.send(new PublishVersionCommand({ FunctionName: id }));
  },
  delete: async (id, _, clients) =>
    void (await unlessGone(
      clients.of(LambdaClient).send(new DeleteFunctionCommand({ FunctionName: id })),
      ...GONE,
    )),
};

function invokeArnOf(region: string, arn: string): string {
  return `arn:aws:apigateway:${region}:lambda:path/2015-03-31/functions/${arn}/invocations`;
}

const alias: Kind = {
  create: async (inputs, clients) => {
    const made = await clients.of(LambdaClient).send(
      new CreateAliasCommand({
        FunctionName: textOf(inputs, "functionName"),
        Name: textOf(inputs, "name"),
        FunctionVersion: textOf(inputs, "functionVersion"),
        Description: maybeText(inputs, "description"),
      }),
    );
    return made.AliasArn ?? "";
  },
  read: async (id, clients) => {
    const [FunctionName = "", Name = ""] = id.split(":").slice(-2);
    const asked = clients.of(LambdaClient).send(new GetAliasCommand({ FunctionName, Name }));
    const found = await unlessGone(asked, ...GONE);
    if (found === undefined) return undefined;
    const weights = found.RoutingConfig?.AdditionalVersionWeights ?? {};
    return {
      name: Name,
      functionName: FunctionName,
      functionVersion: found.FunctionVersion,
      description: found.Description ?? "",
      arn: id,
      invokeArn: invokeArnOf(clients.region, id),
      ...(Object.keys(weights).length === 0 ? {} : { routingConfig: { additionalVersionWeights: weights } }),
    };
  },
  update: async (id, inputs, clients) => {
    const [FunctionName = "", Name = ""] = id.split(":").slice(-2);
    // As the provider does: version, description and weights in one call.
    const weights = recordOf(recordOf(inputs, "routingConfig"), "additionalVersionWeights");
    await clients.of(LambdaClient).send(
      new UpdateAliasCommand({
        FunctionName,
        Name,
        FunctionVersion: textOf(inputs, "functionVersion"),
        Description: maybeText(inputs, "description"),
        RoutingConfig: {
          AdditionalVersionWeights: Object.fromEntries(
            Object.entries(weights).map(([version, weight]) => [version, Number(weight)]),
          ),
        },
      }),
    );
  },
  delete: async (id, _, clients) => {
    const [FunctionName = "", Name = ""] = id.split(":").slice(-2);
    await unlessGone(clients.of(LambdaClient).send(new DeleteAliasCommand({ FunctionName, Name })), ...GONE);
  },
};

const permission: Kind = {
  create: async (inputs, clients) => {
    await clients.of(LambdaClient).send(
      new AddPermissionCommand({
        FunctionName: textOf(inputs, "function"),
        Qualifier: maybeText(inputs, "qualifier"),
        StatementId: textOf(inputs, "statementId"),
        Action: textOf(inputs, "action"),
        Principal: textOf(inputs, "principal"),
        SourceArn: maybeText(inputs, "sourceArn"),
      }),
    );
    return textOf(inputs, "statementId");
  },
  read: async (id, clients, known) => {
    const asked = clients.of(LambdaClient).send(
      new GetPolicyCommand({
        FunctionName: textOf(known, "function"),
        Qualifier: maybeText(known, "qualifier"),
      }),
    );
    const found = await unlessGone(asked, ...GONE);
    const { Statement = [] } = JSON.parse(found?.Policy ?? "{}") as { Statement?: PolicyStatement[] };
    const there = Statement.find(({ Sid }) => Sid === id);
    if (there === undefined) return undefined;
    return {
      statementId: id,
      action: there.Action,
      principal: there.Principal.Service ?? there.Principal.AWS,
      sourceArn: there.Condition?.ArnLike?.["AWS:SourceArn"],
    };
  },
  delete: async (id, state, clients) =>
    void (await unlessGone(
      clients.of(LambdaClient).send(
        new RemovePermissionCommand({
          FunctionName: textOf(state, "function"),
          Qualifier: maybeText(state, "qualifier"),
          StatementId: id,
        }),
      ),
      ...GONE,
    )),
};

interface PolicyStatement {
  Sid: string;
  Action: string;
  Principal: { Service?: string; AWS?: string };
  Condition?: { ArnLike?: Record<string, string> };
}

export const kinds: Readonly<Record<string, Kind>> = {
  "aws:lambda/function:Function": lambdaFunction,
  "aws:lambda/alias:Alias": alias,
  "aws:lambda/permission:Permission": permission,
};
