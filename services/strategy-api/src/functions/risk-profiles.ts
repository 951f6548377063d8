import { dynamoRiskProfiles } from "../risk-profiles/dynamodb-store.ts";
import { riskProfileRoutes } from "../risk-profiles/routes.ts";
import type { Category } from "./handler.ts";

export const riskProfiles: Category<"risk-profiles" | "audit"> = {
  name: "risk-profiles",
  healthPath: "/api/risk-profiles/health",
  tables: ["risk-profiles", "audit"],
  secrets: [],
  register: async (app, { tables, now, newId }) => {
    await app.register(riskProfileRoutes, { riskProfiles: dynamoRiskProfiles(tables), now, newId });
  },
};
