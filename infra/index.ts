import { readArtifacts } from "./artifacts.ts";
import { readConfig } from "./config.ts";
import { readPins } from "./pins.ts";

const config = readConfig();

/** Where the sample is reached and where its API is; the rest depends on the target. Only the target that is asked for is loaded: the package of the provider `aws` takes its time. */
async function deploy() {
  if (config["slipway:target"] === "aws") {
    const { deployAws } = await import("./targets/aws.ts");
    return deployAws(config, await readPins(config));
  }
  const { deployLocal } = await import("./targets/local.ts");
  return deployLocal(config, await readArtifacts());
}

/** The stack's outputs. */
export default await deploy();
