import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { AppDependencies } from "../dependencies.ts";
import { ApiError } from "../errors.ts";
import { findTemplate, listTemplates, Template } from "./store.ts";

const TemplateId = z.string().regex(/^[a-z][a-z0-9-]{1,39}$/);

/** Strategy templates. They come with the schema and are read only. */
export const templateRoutes: FastifyPluginAsyncZod<AppDependencies> = async (app, { db }) => {
  app.get(
    "/api/templates",
    { schema: { response: { 200: z.object({ items: z.array(Template) }) } } },
    async () => ({ items: await listTemplates(db) }),
  );

  app.get(
    "/api/templates/:id",
    { schema: { params: z.strictObject({ id: TemplateId }), response: { 200: Template } } },
    async (request) => {
      const template = await findTemplate(db, request.params.id);
      if (template === undefined) throw new ApiError("not_found", "No template has this id.");
      return template;
    },
  );
};
