// Starts a policy pack for engines that know no RunPlugin, in the pack's folder: runs the launcher of the pack's own SDK.
import { createRequire } from "node:module";
import { join } from "node:path";
import { runSdkModule } from "./sdk-module.mjs";

runSdkModule("@pulumi/pulumi/cmd/run-policy-pack", createRequire(join(process.cwd(), "package.json")));
