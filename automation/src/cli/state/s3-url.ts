import { usageError } from "../failure.ts";

/** What an `s3://` URL of Pulumi says. Credentials are never part of it: they are the person's own (environment, profile, role). */
export interface S3Place {
  readonly bucket: string;
  /** Empty, or ends with a slash. */
  readonly prefix: string;
  readonly region: string | null;
  readonly endpoint: string | null;
  readonly pathStyle: boolean;
  readonly profile: string | null;
}

const TRUE = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const FALSE = new Set(["0", "f", "F", "false", "FALSE", "False"]);
/** Means nothing to a reader, or is what this program does anyway. */
const IGNORED = new Set([
  "awssdk",
  "hostname_immutable",
  "request_checksum_calculation",
  "response_checksum_validation",
]);

/**
 * Reads `s3://bucket/prefix?region=&endpoint=&profile=&s3ForcePathStyle=&disableSSL=` as Pulumi does, with the newer names `use_path_style` and
 * `disable_https`. An endpoint without a scheme is https unless TLS is switched off. Throws a usage error for anything that it does not know.
 */
export function parseS3Url(given: string): S3Place {
  const url = URL.parse(given);
  if (url === null || url.protocol !== "s3:" || url.hostname === "") throw wrong(given, "it names no bucket");
  if (url.username + url.password !== "")
    throw wrong(given.replace(/\/\/[^@/]*@/, "//"), "it must not hold credentials");
  let region: string | null = null;
  let endpoint: string | null = null;
  let profile: string | null = null;
  let [pathStyle, isPlain] = [false, false];
  for (const [name, value] of url.searchParams) {
    if (name === "region") region = value;
    else if (name === "endpoint") endpoint = value;
    else if (name === "profile") profile = value;
    else if (name === "s3ForcePathStyle" || name === "use_path_style") pathStyle = flag(given, name, value);
    else if (name === "disableSSL" || name === "disable_https") isPlain = flag(given, name, value);
    else if (!IGNORED.has(name)) throw wrong(given, `the option ${name} is not known`);
  }
  if (endpoint !== null && !endpoint.includes("://"))
    endpoint = `${isPlain ? "http" : "https"}://${endpoint}`;
  if (endpoint !== null && URL.parse(endpoint) === null) throw wrong(given, "its endpoint is no address");
  const prefix = url.pathname.replace(/^\/+|\/+$/g, "");
  return {
    bucket: url.hostname,
    prefix: prefix === "" ? "" : `${decodeURIComponent(prefix)}/`,
    region,
    endpoint,
    pathStyle,
    profile,
  };
}

function flag(given: string, name: string, value: string): boolean {
  if (TRUE.has(value)) return true;
  if (FALSE.has(value)) return false;
  throw wrong(given, `${name} must be true or false`);
}

function wrong(given: string, why: string): Error {
  return usageError(
    `${JSON.stringify(given)} cannot be used: ${why}.`,
    "Write it as in `pulumi login`: s3://bucket/prefix?region=eu-central-1.",
  );
}
