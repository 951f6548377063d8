// The provider of dynamic resources, started by the CLI in the program's folder: runs the one of the program's own SDK.
import { createRequire } from "node:module";
import { join } from "node:path";
import { runSdkModule } from "./sdk-module.mjs";

runSdkModule("@pulumi/pulumi/cmd/dynamic-provider", createRequire(join(process.cwd(), "package.json")));
