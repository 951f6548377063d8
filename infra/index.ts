import { readArtifacts } from "./artifacts.ts";
import { readConfig } from "./config.ts";
import { deployLocal } from "./targets/local.ts";

const config = readConfig();

/** Where the sample is reached, where its API is, and the version that the bundle names. */
export const { url, apiUrl, version } = await deployLocal(config, await readArtifacts());
