import { createHandler } from "../functions/handler.ts";
import { riskProfiles } from "../functions/risk-profiles.ts";

export const handler = createHandler(riskProfiles);
