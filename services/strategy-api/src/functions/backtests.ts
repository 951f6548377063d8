import { dynamoBacktests } from "../backtests/dynamodb-store.ts";
import { backtestRoutes } from "../backtests/routes.ts";
import type { Category } from "./handler.ts";

export const backtests: Category<"backtests" | "strategies" | "risk-profiles" | "templates" | "audit"> = {
  name: "backtests",
  healthPath: "/api/backtests/health",
  tables: ["backtests", "strategies", "risk-profiles", "templates", "audit"],
  secrets: [],
  register: async (app, { tables, now, newId }) => {
    await app.register(backtestRoutes, { backtests: dynamoBacktests(tables), now, newId });
  },
};
