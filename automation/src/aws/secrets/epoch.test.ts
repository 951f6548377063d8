import { afterAll, expect, test } from "vitest";
import { startAws } from "../../../../test/helpers/aws.ts";
import { makeShippingBed } from "../../../../test/helpers/shipping-bed.ts";
import { shipInput, shipped } from "../../../../test/helpers/shipping-runs.ts";
import { RestoreInput } from "../../contract/aws/ship.ts";
import { restore } from "../restore.ts";
import { ship } from "../ship.ts";

const started = await startAws();
const missing = "missing" in started ? started.missing : null;
if (missing !== null && process.env.CI === "true") throw new Error(missing);
if (missing !== null) console.log(`skipped: a new epoch of secrets (${missing})`);
afterAll(async () => {
  if (!("missing" in started)) await started.stop();
});

/** Reads its secrets when it starts, as far as its variable says of which time they are. */
const READER = `const held = process.env.SECRETS_EPOCH;
export const handler = async (event) => ({ statusCode: 200, body: held });`;

test.skipIf(missing !== null)(
  "another epoch in the configuration serves after the next shipment of the same code, not before it, and goes when that is undone",
  async () => {
    if ("missing" in started) return;
    const bed = await makeShippingBed(started, ["audit"]);
    try {
      await bed.setVariables("audit", { TABLE: "t", EPOCH: "1", SECRETS_EPOCH: "before" });
      const functionFolders = [await bed.writeFunctions({ audit: READER })];
      const first = shipped(await ship(shipInput(bed, { functionFolders }), bed.context));
      expect(await bed.answers()).toEqual({ audit: "before" });
      await bed.setVariables("audit", { TABLE: "t", EPOCH: "1", SECRETS_EPOCH: "after" });
      expect(await bed.answers()).toEqual({ audit: "before" });
      await started.forgetCalls();
      const second = shipped(await ship(shipInput(bed, { functionFolders }, first), bed.context));
      expect(await bed.answers()).toEqual({ audit: "after" });
      // The code is what it was: nothing of it is sent again.
      expect(second.functions.audit).toMatchObject({ sha256: first.functions.audit?.sha256 });
      expect(await started.calls()).not.toContain("lambda:UpdateFunctionCode");
      const { manifest } = bed;
      const input = RestoreInput.parse({
        reference: "back",
        manifest,
        target: first,
        previous: second,
        serving: second.functions,
      });
      shipped(await restore(input, bed.context));
      expect(await bed.answers()).toEqual({ audit: "before" });
    } finally {
      await bed.stop();
    }
  },
);
