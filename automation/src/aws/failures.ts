import { messageOf, SlipwayError } from "../errors.ts";

/** What was asked of AWS, for messages: `lambda:PublishVersion` of `function strategy-audit`. */
export interface Asked {
  operation: string;
  resource: string;
}

interface Kind {
  code: string;
  remedy: string;
}

const DENIED = new Set([
  "AccessDenied",
  "AccessDeniedException",
  "UnauthorizedOperation",
  "AuthorizationError",
  "Forbidden",
]);
const THROTTLED = new Set([
  "Throttling",
  "ThrottlingException",
  "ThrottledException",
  "TooManyRequestsException",
  "RequestLimitExceeded",
  "SlowDown",
  "RequestThrottled",
  "RequestThrottledException",
  "ProvisionedThroughputExceededException",
  "LimitExceededException",
]);
const SIGNED_OUT = new Set([
  "ExpiredToken",
  "ExpiredTokenException",
  "InvalidClientTokenId",
  "UnrecognizedClientException",
  "InvalidAccessKeyId",
  "SignatureDoesNotMatch",
  "InvalidSignatureException",
  "CredentialsProviderError",
  "TokenProviderError",
  "InvalidIdentityToken",
]);
const ABSENT = new Set([
  "ResourceNotFoundException",
  "NoSuchBucket",
  "NoSuchKey",
  "NoSuchVersion",
  "NotFound",
  "NotFoundException",
  "NoSuchDistribution",
  "NoSuchHostedZone",
  "NoSuchInvalidation",
]);
const MOVED = new Set(["PreconditionFailedException", "PreconditionFailed"]);
const UNREACHABLE = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);

/**
 * What AWS or the way to it answered, as an error that names the call, what it was about and what to do. Codes: aws_denied, aws_throttled, aws_credentials,
 * aws_not_found, aws_conflict, aws_unreachable, aws_timeout, aws_refused. Errors of our own and of a cancelled task pass as they are.
 */
export function awsFailure(thrown: unknown, asked: Asked): SlipwayError {
  if (thrown instanceof SlipwayError) return thrown;
  const name = nameOf(thrown);
  const { code, remedy } = kindOf(name, statusOf(thrown), asked);
  const details = { operation: asked.operation, resource: asked.resource, name };
  return new SlipwayError(code, `${asked.operation} of ${asked.resource}: ${wordOf(thrown, name)}.`, {
    cause: thrown,
    remedy,
    details,
  });
}

function kindOf(name: string, status: number | undefined, { operation, resource }: Asked): Kind {
  if (DENIED.has(name) || (status === 403 && !SIGNED_OUT.has(name))) {
    return {
      code: "aws_denied",
      remedy: `Allow the deploying role ${operation} on ${resource}, then deploy again.`,
    };
  }
  if (SIGNED_OUT.has(name)) {
    return {
      code: "aws_credentials",
      remedy:
        "Give the worker valid credentials for AWS (SLIPWAY_ENGINE_ENV, or the stack's aws:* config), then deploy again.",
    };
  }
  if (THROTTLED.has(name) || status === 429) {
    return {
      code: "aws_throttled",
      remedy:
        "AWS takes fewer calls than were needed, also after retries. Deploy again later, or ask for a higher quota.",
    };
  }
  if (ABSENT.has(name) || status === 404) {
    return {
      code: "aws_not_found",
      remedy: `${resource} is in the stack's manifest but not in the account. Refresh the stack, then deploy again.`,
    };
  }
  if (MOVED.has(name) || status === 412) {
    return {
      code: "aws_conflict",
      remedy: `Somebody changed ${resource} meanwhile. Look at it, then deploy again.`,
    };
  }
  if (UNREACHABLE.has(name)) {
    return {
      code: "aws_unreachable",
      remedy: "Check the network and the address of AWS (AWS_ENDPOINT_URL), then deploy again.",
    };
  }
  if (name === "TimeoutError" || name === "AbortError") {
    return {
      code: "aws_timeout",
      remedy: "Deploy again; when it stays so, look at the service's health in AWS.",
    };
  }
  return {
    code: "aws_refused",
    remedy: "The message is AWS's own; correct what it names, then deploy again.",
  };
}

/** The name by which AWS or Node tell errors apart. */
export function nameOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return "unknown";
  if ("code" in thrown && typeof thrown.code === "string" && UNREACHABLE.has(thrown.code)) return thrown.code;
  // An answer without a body (HEAD) has its status as a name.
  return thrown.name === "UnknownError" || thrown.name === "Error"
    ? String(statusOf(thrown) ?? thrown.name)
    : thrown.name;
}

/** HTTP status of AWS's answer. */
export function statusOf(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error) || !("$metadata" in thrown)) return undefined;
  const metadata = thrown.$metadata;
  if (typeof metadata !== "object" || metadata === null || !("httpStatusCode" in metadata)) return undefined;
  return typeof metadata.httpStatusCode === "number" ? metadata.httpStatusCode : undefined;
}

function wordOf(thrown: unknown, name: string): string {
  const message = messageOf(thrown).trim().replace(/\.$/, "");
  return message === "" || message === name ? name : `${name}, ${message}`;
}
