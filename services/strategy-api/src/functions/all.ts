import { audit } from "./audit.ts";
import { backtests } from "./backtests.ts";
import { health } from "./health.ts";
import { marketData } from "./market-data.ts";
import { riskProfiles } from "./risk-profiles.ts";
import { strategies } from "./strategies.ts";
import { templates } from "./templates.ts";

/** Every category as a function, by the name of its entry in src/lambda. */
export const AWS_CATEGORIES = {
  templates,
  strategies,
  "risk-profiles": riskProfiles,
  backtests,
  "market-data": marketData,
  audit,
  health,
};
