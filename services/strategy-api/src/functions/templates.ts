import { dynamoTemplates } from "../templates/dynamodb-store.ts";
import { templateRoutes } from "../templates/routes.ts";
import type { Category } from "./handler.ts";

export const templates: Category<"templates" | "audit"> = {
  name: "templates",
  healthPath: "/api/templates/health",
  tables: ["templates", "audit"],
  secrets: [],
  register: async (app, { tables, now }) => {
    await app.register(templateRoutes, { templates: dynamoTemplates(tables), now });
  },
};
