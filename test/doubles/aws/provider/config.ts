import type { AwsCredentialIdentity } from "@aws-sdk/types";
import { type Clients, clientsFor } from "./clients.ts";
import { isRecord, maybeText, recordOf, type Values } from "./kind.ts";

const KNOWN = new Set([
  ...["region", "accessKey", "secretKey", "token", "profile", "defaultTags", "endpoints", "assumeRoles"],
  ...["s3UsePathStyle", "skipCredentialsValidation", "skipMetadataApiCheck", "skipRequestingAccountId"],
  ...["skipRegionValidation", "maxRetries", "version"],
]);

/** What is wrong with the provider's config. */
export function checkConfig(given: Values): string[] {
  return Object.keys(given)
    .filter((name) => !KNOWN.has(name) && !name.startsWith("__"))
    .map((name) => `the stand-in for the provider aws does not know the setting aws:${name}`);
}

/** Clients as the config and the environment say. Asks AWS whose account it is, as the provider does. */
export async function configured(given: Values): Promise<Clients> {
  const settings = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, parsed(value)]));
  const region = maybeText(settings, "region") ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION;
  if (region === undefined || region === "") throw new Error("the provider aws needs a region");
  if (settings.profile !== undefined) process.env.AWS_PROFILE = maybeText(settings, "profile");
  const endpoint = endpointOf(settings) ?? process.env.AWS_ENDPOINT_URL;
  const [role] = Array.isArray(settings.assumeRoles) ? settings.assumeRoles.filter(isRecord) : [];
  const own = credentialsOf(settings);
  const start = { region, endpoint, accountId: "", partition: "aws", defaultTags: {}, credentials: own };
  const { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } = await import("@aws-sdk/client-sts");
  let credentials = own;
  if (role !== undefined) {
    const RoleSessionName = maybeText(role, "sessionName") ?? "pulumi";
    const assumed = await clientsFor(start)
      .of(STSClient)
      .send(new AssumeRoleCommand({ RoleArn: maybeText(role, "roleArn"), RoleSessionName }));
    credentials = {
      accessKeyId: assumed.Credentials?.AccessKeyId ?? "",
      secretAccessKey: assumed.Credentials?.SecretAccessKey ?? "",
      sessionToken: assumed.Credentials?.SessionToken ?? "",
    };
  }
  const signed = clientsFor({ ...start, credentials });
  const caller = await signed.of(STSClient).send(new GetCallerIdentityCommand({}));
  const tags = recordOf(recordOf(settings, "defaultTags"), "tags");
  return clientsFor({
    ...start,
    credentials,
    accountId: caller.Account ?? "",
    partition: caller.Arn?.split(":")[1] ?? "aws",
    defaultTags: Object.fromEntries(Object.entries(tags).map(([name, value]) => [name, String(value)])),
  });
}

/** Settings that are no text come as JSON. */
function parsed(value: unknown): unknown {
  if (typeof value !== "string" || !/^[[{]/.test(value)) return value;
  return JSON.parse(value) as unknown;
}

function endpointOf(settings: Values): string | undefined {
  const [first] = Array.isArray(settings.endpoints) ? settings.endpoints.filter(isRecord) : [];
  const [url] = Object.values(first ?? {});
  return typeof url === "string" ? url : undefined;
}

function credentialsOf(settings: Values): AwsCredentialIdentity | undefined {
  const [accessKeyId, secretAccessKey] = [maybeText(settings, "accessKey"), maybeText(settings, "secretKey")];
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined;
  const sessionToken = maybeText(settings, "token");
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}
