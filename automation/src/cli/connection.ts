import { readFile } from "node:fs/promises";
import path from "node:path";
import { type Client, createClient } from "../client/index.ts";
import { messageOf, SlipwayError, systemCode } from "../errors.ts";
import type { CliContext, CommonOptions } from "./context.ts";
import { readCredentials } from "./credentials.ts";
import { usageError } from "./failure.ts";
import { dataDirectory } from "./installation.ts";

const DEFAULT_PORT = "7420";
const EXAMPLE = `http://127.0.0.1:${DEFAULT_PORT}`;
const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]"]);

/** The server's URL: --server, SLIPWAY_URL, the last `login`, else this machine's own. Without a slash at its end. */
export async function serverUrl(context: CliContext, options: CommonOptions): Promise<string> {
  const given = options.server ?? (context.env.SLIPWAY_URL || undefined);
  if (given !== undefined) return normaliseUrl(given);
  return (
    (await readCredentials(context))?.current ??
    `http://127.0.0.1:${context.env.SLIPWAY_PORT || DEFAULT_PORT}`
  );
}

/** Refuses what is not an http or https URL, or carries a password, a query or a fragment. */
export function normaliseUrl(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : null;
  const isUsable =
    url !== null &&
    (url.protocol === "http:" || url.protocol === "https:") &&
    url.username + url.password + url.search + url.hash === "";
  if (!isUsable)
    throw usageError(`${JSON.stringify(given)} is not the URL of a server.`, `Write it as ${EXAMPLE}.`);
  return url.href.replace(/\/+$/, "");
}

/** A client of the chosen server with the caller's token. Speaks to nobody yet. */
export async function connect(context: CliContext, options: CommonOptions): Promise<Client> {
  return createClient(await connectionTo(context, options));
}

/** The chosen server and the caller's token for it. */
export async function connectionTo(
  context: CliContext,
  options: CommonOptions,
): Promise<{ baseUrl: string; token: string }> {
  const baseUrl = await serverUrl(context, options);
  return { baseUrl, token: await tokenFor(context, options, baseUrl) };
}

/** The token: --token-file, SLIPWAY_TOKEN, `login`, else on the server's own machine the owner's. */
async function tokenFor(context: CliContext, options: CommonOptions, server: string): Promise<string> {
  if (options.tokenFile !== undefined) return readTokenFile(path.resolve(context.cwd, options.tokenFile));
  if (context.env.SLIPWAY_TOKEN) return context.env.SLIPWAY_TOKEN;
  const stored = (await readCredentials(context))?.servers[server]?.token;
  if (stored !== undefined) return stored;
  const own = LOOPBACK.has(new URL(server).hostname) ? await ownerToken(context) : null;
  if (own !== null) return own;
  throw new SlipwayError("unauthenticated", `There is no token for ${server}.`, {
    remedy: "Run `slipway login`, or pass --token-file.",
  });
}

/** The token in a file, without the white space around it. */
export async function readTokenFile(file: string): Promise<string> {
  let text: string;
  try {
    text = (await readFile(file, "utf8")).trim();
  } catch (thrown) {
    throw usageError(
      `The token file ${file} cannot be read: ${messageOf(thrown)}.`,
      "Name a file that holds the token and nothing else.",
    );
  }
  if (text === "" || /\s/.test(text))
    throw usageError(`The file ${file} does not hold a token.`, "It must hold the token and nothing else.");
  return text;
}

async function ownerToken(context: CliContext): Promise<string | null> {
  try {
    return await readTokenFile(path.join(dataDirectory(context), "owner-token"));
  } catch (thrown) {
    // No server was ever started from here, or it belongs to another user: then a login is needed.
    if (thrown instanceof SlipwayError || systemCode(thrown) !== undefined) return null;
    throw thrown;
  }
}
