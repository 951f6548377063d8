import { readArtifacts } from "./artifacts.ts";
import { readConfig } from "./config.ts";
import { readPins } from "./pins.ts";

const config = readConfig();

/** Where the sample is reached and where its API is; the rest depends on the target. */
const outputs = await deploy();
export const { url, apiUrl, version, manifest } = outputs;

/** Loads only the target that is asked for: the AWS provider's package takes its time. */
async function deploy() {
  if (config["slipway:target"] === "aws") {
    const { deployAws } = await import("./targets/aws.ts");
    return { version: undefined, ...(await deployAws(config, await readPins(config))) };
  }
  const { deployLocal } = await import("./targets/local.ts");
  return { manifest: undefined, ...(await deployLocal(config, await readArtifacts())) };
}
