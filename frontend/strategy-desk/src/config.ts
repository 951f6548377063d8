import { type Decoded, dictionary, optional, shape, text, truth } from "./decode.ts";

/** What a deployment writes beside the page. `apiUrl` is where the API begins: /api, or https://api.example/api. */
const Config = shape({ apiUrl: text, environment: text, version: optional(text), flags: dictionary(truth) });
export type Config = Omit<Decoded<typeof Config>, "version"> & { readonly version: string };

/** Checks the content of config.json. Without a version there, `builtVersion` is shown; a trailing slash of `apiUrl` is dropped. */
export function parseConfig(value: unknown, builtVersion: string): Config {
  const config = Config(value, "");
  return { ...config, version: config.version ?? builtVersion, apiUrl: config.apiUrl.replace(/\/+$/, "") };
}

/** Fetches the configuration of this deployment, past any cache. */
export async function loadConfig(builtVersion: string): Promise<Config> {
  const response = await fetch("./config.json", { cache: "no-store" });
  if (!response.ok) throw new Error(`config.json answered ${response.status}`);
  return parseConfig(await response.json(), builtVersion);
}

/** A section is shown unless its flag is set to false. */
export function isEnabled(config: Config, flag: string): boolean {
  return config.flags[flag] !== false;
}
