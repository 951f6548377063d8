import type { FastifyRequest } from "fastify";
import { ENGINE_ADDRESS_HEADER, engineAddress } from "../../contract/engine-address.ts";
import type { HostRule } from "../../http/hosts.ts";
import type { Raw } from "../journal/raw-json.ts";
import {
  encodeString,
  isAbsent,
  membersAt,
  membersOf,
  rawText,
  skipSpace,
  stringOf,
  wholeValue,
} from "../journal/raw-json.ts";

const MEMBER = '"secrets_providers"';

/** The address under which a client has logged in, as the Pulumi CLI keeps it. `hosts` has let its Host header pass. */
export function addressOf(request: FastifyRequest, { publicUrl }: HostRule): string {
  const ofEngine = engineAddress(request.headers[ENGINE_ADDRESS_HEADER]);
  if (ofEngine !== undefined) return ofEngine;
  const host = request.headers.host ?? "";
  // A proxy in front speaks https; here the request is plain.
  if (publicUrl !== undefined && new URL(publicUrl).host === host.toLowerCase()) return publicUrl;
  return `${request.protocol}://${host}`;
}

/**
 * A state (JSON text of Pulumi's `UntypedDeployment`) whose secrets a service keeps, for a client that knows that service under `address`: the CLI asks for the token
 * of the address that it reads here, and a laptop and the server's own engine log in under different ones. All else keeps its bytes. Throws SlipwayError `invalid_json`.
 */
export function sealedAt(text: string, address: string): string {
  const provider = providerIn(text);
  if (provider === undefined || !rawText(provider).startsWith("{")) return text;
  const { type, state } = Object.fromEntries(membersOf(provider));
  if (isAbsent(type) || rawText(type) !== '"service"' || isAbsent(state) || !rawText(state).startsWith("{")) {
    return text;
  }
  const url = membersOf(state).get("url");
  if (isAbsent(url) || !rawText(url).startsWith('"') || stringOf(url) === address) return text;
  return text.slice(0, url.start) + encodeString(address) + text.slice(url.end);
}

function providerIn(text: string): Raw | undefined {
  const at = text.indexOf(MEMBER);
  if (at < 0) return undefined;
  const resources = text.indexOf('"resources"');
  if (resources < 0 || at < resources) {
    // Where the CLI writes it: before everything that a program decides, so that a large state need not be read.
    const colon = skipSpace(text, at + MEMBER.length);
    const start = skipSpace(text, colon + 1);
    if (text.charCodeAt(start) !== 123) return undefined;
    return { text, start, end: membersAt(text, start).end };
  }
  const deployment = membersOf(wholeValue(text)).get("deployment");
  return isAbsent(deployment) ? undefined : membersOf(deployment).get("secrets_providers");
}
