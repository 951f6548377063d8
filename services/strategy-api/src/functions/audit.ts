import { dynamoAudit } from "../audit/dynamodb-store.ts";
import { auditRoutes } from "../audit/routes.ts";
import type { Category } from "./handler.ts";

export const audit: Category<"audit"> = {
  name: "audit",
  healthPath: "/api/audit/health",
  tables: ["audit"],
  secrets: [],
  register: async (app, { tables }) => {
    await app.register(auditRoutes, { audit: dynamoAudit(tables) });
  },
};
