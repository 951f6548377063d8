import { dynamoStrategies } from "../strategies/dynamodb-store.ts";
import { strategyRoutes } from "../strategies/routes.ts";
import { dynamoTemplates } from "../templates/dynamodb-store.ts";
import type { Category } from "./handler.ts";

export const strategies: Category<"strategies" | "templates" | "audit"> = {
  name: "strategies",
  healthPath: "/api/strategies/health",
  tables: ["strategies", "templates", "audit"],
  secrets: ["gemini", "openai", "deepseek"],
  register: async (app, { tables, now, newId }) => {
    const templates = dynamoTemplates(tables);
    await app.register(strategyRoutes, { strategies: dynamoStrategies(tables), templates, now, newId });
  },
};
