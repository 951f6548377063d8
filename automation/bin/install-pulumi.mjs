// Installs the Pulumi CLI into the folder given as the only argument, by Pulumi's own installer. A process of its own, so
// that an installation that hangs can be ended whole, and the only place that loads the Automation API.
import { PulumiCommand } from "@pulumi/pulumi/automation/index.js";

const [root] = process.argv.slice(2);
if (root === undefined) {
  console.error("usage: install-pulumi.mjs <folder>");
  process.exit(2);
}
// Without a version it installs the one of the SDK that is pinned in package.json.
await PulumiCommand.install({ root });
