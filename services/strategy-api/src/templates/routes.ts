import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { ApiError, namedUniquely } from "../errors.ts";
import { Name } from "../fields.ts";
import { resolveParameters } from "../strategies/rules.ts";
import { builtInTemplate } from "./built-in.ts";
import { ALGORITHMS, Template, TemplateId, type TemplateStore } from "./store.ts";

const NewTemplate = z.strictObject({
  // The path of the category's health, where each category is a function of its own.
  id: TemplateId.refine((id) => id !== "health", { message: "is reserved" }),
  name: Name,
  description: z.string().trim().max(400).default(""),
  algorithm: z.enum(ALGORITHMS),
  /** Defaults that differ from those of the algorithm. */
  defaults: z.record(z.string().max(40), z.number()).default({}),
});
const Params = z.strictObject({ id: TemplateId });

/** Strategy templates: those that come with the service, and own ones, which are an algorithm with other defaults. */
export const templateRoutes: FastifyPluginAsyncZod<{ templates: TemplateStore; now: () => Date }> = async (
  app,
  { templates, now },
) => {
  app.get(
    "/api/templates",
    { schema: { response: { 200: z.object({ items: z.array(Template) }) } } },
    async () => ({ items: await templates.list() }),
  );

  app.get(
    "/api/templates/:id",
    { schema: { params: Params, response: { 200: Template } } },
    async (request) => {
      const template = await templates.find(request.params.id);
      if (template === undefined) throw new ApiError("not_found", "No template has this id.");
      return template;
    },
  );

  app.post(
    "/api/templates",
    { schema: { body: NewTemplate, response: { 201: Template } } },
    async (request, reply) => {
      const { defaults, ...given } = request.body;
      const base = builtInTemplate(given.algorithm);
      const decision = resolveParameters(base, defaults, "body.defaults");
      if (!decision.accepted) {
        const detail = decision.issues.map((issue) => `${issue.path}: ${issue.message}`).join("; ");
        throw new ApiError("parameters_refused", detail, { issues: decision.issues });
      }
      const parameters = base.parameters.map((parameter) => ({
        ...parameter,
        default: decision.parameters[parameter.name] ?? parameter.default,
      }));
      const change = { at: now(), correlationId: request.id };
      const template = await namedUniquely(`a template with the id "${given.id}"`, () =>
        templates.insert({ ...given, parameters }, change),
      );
      return reply.status(201).header("location", `/api/templates/${template.id}`).send(template);
    },
  );

  app.delete("/api/templates/:id", { schema: { params: Params } }, async (request, reply) => {
    const change = { at: now(), correlationId: request.id };
    switch (await templates.remove(request.params.id, change)) {
      case "removed":
        return reply.status(204).send();
      case "not-found":
        throw new ApiError("not_found", "No template has this id.");
      case "built-in":
        throw new ApiError("template_built_in", "Only templates that people added can be removed.");
      case "in-use":
        throw new ApiError("template_in_use", "Remove the strategies that are made from it first.");
    }
  });
};
