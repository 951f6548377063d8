import { setTimeout } from "node:timers/promises";
import { readArtifacts } from "./artifacts.ts";
import { readConfig } from "./config.ts";
import { readPins } from "./pins.ts";

/** The call is on its way to the engine by then. */
const SENT_WITHIN_MS = 5;

// The SDK keeps the stack of each of its promises and looks every frame up in source maps: 1.4 s of processor time for 170 resources. Here types are stripped in place: lines are right
// without.
Reflect.deleteProperty(Error, "prepareStackTrace");

const config = readConfig();

/** Where the sample is reached and where its API is; the rest depends on the target. Only the target that is asked for is loaded: the package of the provider `aws` takes its time. */
async function deploy() {
  if (config["slipway:target"] === "aws") {
    const { callerAccount } = await import("./account.ts");
    const account = callerAccount();
    // The provider starts while the target is loaded; loading leaves no turn in which the call could be sent.
    const target = setTimeout(SENT_WITHIN_MS).then(() => import("./targets/aws.ts"));
    const [accountId, { deployAws }, pins] = await Promise.all([account, target, readPins(config)]);
    return deployAws(config, pins, accountId);
  }
  const { deployLocal } = await import("./targets/local.ts");
  return deployLocal(config, await readArtifacts());
}

/** The stack's outputs. */
export default await deploy();
