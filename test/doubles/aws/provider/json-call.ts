import { createHash, createHmac } from "node:crypto";
import { STSClient } from "@aws-sdk/client-sts";
import type { Clients } from "./clients.ts";
import { isRecord, type Values } from "./kind.ts";

/** A service that is asked by AWS's JSON protocol, of which the project has no client otherwise. */
export interface JsonService {
  /** That requests are signed with, and the first part of its address. */
  name: string;
  /** What stands before the operation in the header X-Amz-Target. */
  target: string;
  protocol: "1.0" | "1.1";
}

const SIGNED_HEADERS = "content-type;host;x-amz-date;x-amz-target";

/**
 * Asks a service, with the credentials that the clients of others have. A refusal is thrown as an error by AWS's name for it, as those clients do.
 * https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
 */
export async function callJson(
  clients: Clients,
  service: JsonService,
  operation: string,
  input: Values,
): Promise<Values> {
  const url = new URL(clients.endpoint ?? `https://${service.name}.${clients.region}.amazonaws.com`);
  const { accessKeyId, secretAccessKey, sessionToken } = await clients.of(STSClient).config.credentials();
  const body = JSON.stringify(input);
  const headers = {
    "content-type": `application/x-amz-json-${service.protocol}`,
    host: url.host,
    "x-amz-date": new Date().toISOString().replaceAll(/[-:]|\.\d+/g, ""),
    "x-amz-target": `${service.target}.${operation}`,
  };
  const { host: _, ...sent } = headers;
  const answer = await fetch(url, {
    method: "POST",
    body,
    headers: {
      ...sent,
      ...(sessionToken === undefined ? {} : { "x-amz-security-token": sessionToken }),
      authorization: authorizationOf(headers, body, {
        accessKeyId,
        secretAccessKey,
        region: clients.region,
        service: service.name,
      }),
    },
  });
  const text = await answer.text();
  const said: unknown = text === "" ? {} : JSON.parse(text);
  if (!isRecord(said)) throw new Error(`${service.name} answers something else than an object`);
  if (answer.ok) return said;
  const name = String(answer.headers.get("x-amzn-errortype") ?? said.__type ?? `Status${answer.status}`);
  throw Object.assign(new Error(String(said.message ?? said.Message ?? text)), {
    name: name.split("#").at(-1)?.split(":")[0],
  });
}

/** Of a request for `/` without a query (Signature Version 4). https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html */
function authorizationOf(
  headers: Readonly<Record<string, string>>,
  body: string,
  by: { accessKeyId: string; secretAccessKey: string; region: string; service: string },
): string {
  const time = headers["x-amz-date"] ?? "";
  const day = time.slice(0, 8);
  const scope = `${day}/${by.region}/${by.service}/aws4_request`;
  const lines = SIGNED_HEADERS.split(";").map((name) => `${name}:${headers[name] ?? ""}\n`);
  const request = ["POST", "/", "", lines.join(""), SIGNED_HEADERS, sha256(body)].join("\n");
  const words = ["AWS4-HMAC-SHA256", time, scope, sha256(request)].join("\n");
  const key = [day, by.region, by.service, "aws4_request"].reduce<string | Buffer>(
    (before, part) => createHmac("sha256", before).update(part).digest(),
    `AWS4${by.secretAccessKey}`,
  );
  const signature = createHmac("sha256", key).update(words).digest("hex");
  return `AWS4-HMAC-SHA256 Credential=${by.accessKeyId}/${scope}, SignedHeaders=${SIGNED_HEADERS}, Signature=${signature}`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
