import { z } from "zod";
import { credentialsAmong } from "../engine/environment.ts";

/** Keys of a stack's config in the namespace `aws`, as the provider has them, and the variables by which the SDK knows the same. */
const VARIABLE_OF: Readonly<Record<string, string>> = {
  region: "AWS_REGION",
  accessKey: "AWS_ACCESS_KEY_ID",
  secretKey: "AWS_SECRET_ACCESS_KEY",
  token: "AWS_SESSION_TOKEN",
  profile: "AWS_PROFILE",
};

/** How the provider names services whose name in the SDK is another one. */
const SDK_SERVICES: Readonly<Record<string, string>> = {
  secretsmanager: "SECRETS_MANAGER",
  route53: "ROUTE_53",
  logs: "CLOUDWATCH_LOGS",
  cloudwatchlogs: "CLOUDWATCH_LOGS",
  timestreamwrite: "TIMESTREAM_WRITE",
};

const Endpoints = z.array(z.record(z.string(), z.string())).catch([]);

/** What a task on AWS has in its environment. */
export interface AwsEnvironment {
  env: Record<string, string>;
  /** The one address of all services; undefined: AWS's own, or one for each service, which are in `env`. */
  endpoint: string | undefined;
  /** Values that are shown nowhere. */
  secrets: string[];
}

/**
 * Where AWS is and as whom it is reached: what the stack's config says (`aws:region`, `aws:accessKey`, `aws:secretKey`, `aws:token`, `aws:profile`, `aws:endpoints`), and else what the worker was told to pass on. Keys
 * or a profile of the config leave no other credentials of the worker beside them, as the provider has it.
 */
export function awsEnvironment(
  config: Readonly<Record<string, string>>,
  variables: Readonly<Record<string, string>>,
): AwsEnvironment {
  const own = Object.fromEntries(
    Object.entries(VARIABLE_OF).flatMap(([key, name]) => {
      const value = config[key];
      return value === undefined || value === "" ? [] : [[name, value]];
    }),
  );
  const isNamed = own.AWS_ACCESS_KEY_ID !== undefined || own.AWS_PROFILE !== undefined;
  const passed = Object.entries(variables).filter(([name]) => !isNamed || !isCredential(name));
  const services = Object.assign({}, ...endpointsOf(config.endpoints)) as Record<string, string>;
  const addresses = [...new Set(Object.values(services))];
  const endpoint = (addresses.length === 1 ? addresses[0] : undefined) ?? variables.AWS_ENDPOINT_URL;
  const perService =
    addresses.length <= 1
      ? {}
      : Object.fromEntries(
          Object.entries(services).map(([service, url]) => [
            `AWS_ENDPOINT_URL_${SDK_SERVICES[service] ?? service.toUpperCase()}`,
            url,
          ]),
        );
  const env: Record<string, string> = { ...Object.fromEntries(passed), ...perService, ...own };
  return { env, endpoint, secrets: credentialsAmong(env) };
}

function isCredential(name: string): boolean {
  return [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
  ].includes(name);
}

function endpointsOf(text: string | undefined): Record<string, string>[] {
  if (text === undefined) return [];
  try {
    return Endpoints.parse(JSON.parse(text));
  } catch {
    // The provider says so, in the preview, with the key's name.
    return [];
  }
}
