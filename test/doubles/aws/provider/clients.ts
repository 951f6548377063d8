import type { AwsCredentialIdentity } from "@aws-sdk/types";

/** Settings of the provider. Credentials are undefined where those of the environment are meant. */
export interface ProviderSettings {
  region: string;
  endpoint: string | undefined;
  credentials: AwsCredentialIdentity | undefined;
  accountId: string;
  partition: string;
  defaultTags: Readonly<Record<string, string>>;
}

type ClientClass<Client> = new (settings: {
  region: string;
  maxAttempts: number;
  endpoint?: string;
  credentials?: AwsCredentialIdentity;
  forcePathStyle?: boolean;
}) => Client;

/** AWS, for one resource: in its own region when it names one. */
export interface Clients extends ProviderSettings {
  /** The same client for the same class and region. */
  of<Client>(type: ClientClass<Client>): Client;
  inRegion(region: string | undefined): Clients;
}

const ATTEMPTS = 3;

export function clientsFor(settings: ProviderSettings, made = new Map<string, unknown>()): Clients {
  return {
    ...settings,
    of: <Client>(type: ClientClass<Client>): Client => {
      const key = `${type.name} ${settings.region}`;
      const known = made.get(key);
      // By the same class and settings, so it is of this type.
      if (known !== undefined) return known as Client;
      const client = new type({
        region: settings.region,
        maxAttempts: ATTEMPTS,
        ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint }),
        ...(settings.credentials === undefined ? {} : { credentials: settings.credentials }),
        ...(type.name === "S3Client" ? { forcePathStyle: true } : {}),
      });
      made.set(key, client);
      return client;
    },
    inRegion: (region) =>
      region === undefined || region === settings.region
        ? clientsFor(settings, made)
        : clientsFor({ ...settings, region }, made),
  };
}
