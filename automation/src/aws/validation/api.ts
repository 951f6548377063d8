import type { AwsManifest } from "../../contract/aws/manifest.ts";
import { apiAddress, judgeBase, judgeHealth } from "./api-rules.ts";
import type { PlannedCheck } from "./check.ts";
import type { Requester } from "./request.ts";

/** The gateway answers, and every function of the manifest says on its health path that it works; each with its latency. */
export function apiChecks(scope: {
  manifest: Pick<AwsManifest, "api" | "functions">;
  request: Requester;
}): readonly PlannedCheck[] {
  const { api, functions } = scope.manifest;
  return [
    { check: "gateway", look: async () => judgeBase(await scope.request(api.url)) },
    ...Object.entries(functions).map(([category, { healthPath }]) => ({
      check: `function ${category}`,
      look: async () => judgeHealth(category, await scope.request(apiAddress(api.url, healthPath))),
    })),
  ];
}
