import { type Decoded, dictionary, shape, text, truth } from "./decode.ts";

/** What a deployment writes beside the page. An empty `apiUrl` means the page's own origin. */
const Config = shape({ apiUrl: text, environment: text, version: text, flags: dictionary(truth) });
export type Config = Decoded<typeof Config>;

/** Checks the content of config.json. A trailing slash of `apiUrl` is dropped. */
export function parseConfig(value: unknown): Config {
  const config = Config(value, "");
  return { ...config, apiUrl: config.apiUrl.replace(/\/+$/, "") };
}

/** Fetches the configuration of this deployment, past any cache. */
export async function loadConfig(): Promise<Config> {
  const response = await fetch("./config.json", { cache: "no-store" });
  if (!response.ok) throw new Error(`config.json answered ${response.status}`);
  return parseConfig(await response.json());
}

/** A section is shown unless its flag is set to false. */
export function isEnabled(config: Config, flag: string): boolean {
  return config.flags[flag] !== false;
}
