import { z } from "zod";

/**
 * What the provider and the keeper say to each other: JSON over HTTP on the keeper's unix socket, under `/v1`.
 * A rollback runs the provider of an older release against today's keeper, so within `/v1` fields are only ever added,
 * with defaults; requests are strict, answers drop what they do not know.
 */

const SECONDS_PER_HOUR = 3600;

/** Names appear in file names and logs. */
export const ResourceName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, "must be 1-63 of a-z, 0-9 and '-', starting with a letter");

export const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, "must be sha256: and 64 hex digits");

/** A folder of files and the digest of its content (see folder-digest.ts). */
export const Bundle = z.strictObject({
  path: z.string().startsWith("/", "must be an absolute path"),
  digest: Digest,
});
export type Bundle = z.infer<typeof Bundle>;

/** The URN of the resource on whose behalf the provider asks. */
const Owner = z.string().min(1).max(2048);

export const UrlPath = z
  .string()
  .max(1024)
  .regex(/^\/[^\s?#]*$/, "must be an absolute URL path without query");

/** Set by the keeper itself. */
const OWN_VARIABLES = new Set(["PORT", "SLIPWAY_ENV_FILE"]);

export const Environment = z.record(z.string(), z.string()).superRefine((environment, context) => {
  for (const name of Object.keys(environment)) {
    const refuse = (message: string) => context.addIssue({ code: "custom", path: [name], message });
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) refuse("must be named by letters, digits and '_'");
    if (OWN_VARIABLES.has(name)) refuse("is set by the keeper");
  }
});

export const processInputs = {
  name: ResourceName,
  bundle: Bundle,
  /** argv; the first word `node` means the keeper's own Node. Relative paths start at the bundle's folder. */
  command: z.array(z.string().min(1)).min(1),
  environment: Environment.default({}),
  /** Answers 2xx once the process can serve. */
  healthPath: UrlPath.default("/healthz"),
  healthTimeoutSeconds: z.number().positive().max(SECONDS_PER_HOUR).default(30),
  /** Between SIGTERM and SIGKILL. */
  stopTimeoutSeconds: z.number().positive().max(SECONDS_PER_HOUR).default(10),
};
export const CreateProcess = z.strictObject({ owner: Owner, ...processInputs });
export type CreateProcess = z.infer<typeof CreateProcess>;

export const ProcessView = z.object({
  id: z.string(),
  name: z.string(),
  owner: z.string(),
  running: z.boolean(),
  url: z.string(),
  port: z.int(),
  pid: z.int(),
  startedAt: z.string(),
  logPath: z.string(),
  command: z.array(z.string()),
  /** Computed from the files at the time of the answer. */
  bundleDigest: z.string(),
});
export type ProcessView = z.infer<typeof ProcessView>;

/** Requests whose path starts with `path` (whole segments; the longest match wins) go to `upstream`. */
export const Route = z.strictObject({
  path: UrlPath,
  upstream: z.string().regex(/^http:\/\/127\.0\.0\.1:\d+$/, "must be the url of a process or a site"),
});
export type Route = z.infer<typeof Route>;

export const endpointInputs = {
  name: ResourceName,
  port: z.int().min(1).max(65535).optional(),
  routes: z
    .array(Route)
    .min(1)
    .refine((routes) => new Set(routes.map((route) => route.path)).size === routes.length, "repeat a path"),
  /** How long requests that the old upstream is still answering may take before they are cut. */
  drainTimeoutSeconds: z.number().min(0).max(SECONDS_PER_HOUR).default(5),
};
export const CreateEndpoint = z.strictObject({ owner: Owner, ...endpointInputs });
export type CreateEndpoint = z.infer<typeof CreateEndpoint>;
export const UpdateEndpoint = CreateEndpoint.omit({ owner: true, port: true });
export type UpdateEndpoint = z.infer<typeof UpdateEndpoint>;

export const EndpointView = z.object({
  id: z.string(),
  name: z.string(),
  owner: z.string(),
  listening: z.boolean(),
  url: z.string(),
  port: z.int(),
  routes: z.array(z.object({ path: z.string(), upstream: z.string() })),
  drainTimeoutSeconds: z.number(),
});
export type EndpointView = z.infer<typeof EndpointView>;

export const siteInputs = {
  name: ResourceName,
  bundle: Bundle,
  /** Served as JSON at `configPath`. Browsers read it: nothing in it is secret. */
  runtimeConfig: z.record(z.string(), z.unknown()).default({}),
  configPath: UrlPath.default("/config.json"),
};
export const CreateSite = z.strictObject({ owner: Owner, ...siteInputs });
export type CreateSite = z.infer<typeof CreateSite>;

export const SiteView = z.object({
  id: z.string(),
  name: z.string(),
  owner: z.string(),
  listening: z.boolean(),
  url: z.string(),
  port: z.int(),
  bundleDigest: z.string(),
  runtimeConfig: z.record(z.string(), z.unknown()),
  configPath: z.string(),
});
export type SiteView = z.infer<typeof SiteView>;

export const databaseInputs = {
  /** The name of the database and of the role that owns it. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,62}$/, "must be 1-63 of a-z, 0-9 and '_', starting with a letter")
    .refine((name) => !name.startsWith("pg_") && name !== "postgres", "is reserved by Postgres"),
};
export const CreateDatabase = z.strictObject({ owner: Owner, ...databaseInputs });
export type CreateDatabase = z.infer<typeof CreateDatabase>;

/** `connectionUrl` holds the password: a secret output, never logged. */
export const DatabaseView = z.object({ name: z.string(), owner: z.string(), connectionUrl: z.string() });
export type DatabaseView = z.infer<typeof DatabaseView>;

/** An answer with a status of 400 and above. */
export const KeeperProblem = z.object({
  code: z.string(),
  title: z.string(),
  remedy: z.string().optional(),
});
export type KeeperProblem = z.infer<typeof KeeperProblem>;

export const KeeperStatus = z.object({
  /** Of the keeper's folder: the same after each start, another on another machine. */
  id: z.string().default(""),
  pid: z.int(),
  version: z.string(),
  startedAt: z.string(),
  dataDir: z.string(),
  processes: z.int(),
  endpoints: z.int(),
  sites: z.int(),
  databases: z.int(),
});
export type KeeperStatus = z.infer<typeof KeeperStatus>;
