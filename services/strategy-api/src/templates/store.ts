import { z } from "zod";
import type { Change } from "../audit/store.ts";

export const ALGORITHMS = ["sma-cross", "rsi-reversion", "momentum", "buy-and-hold"] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

export const TemplateId = z.string().regex(/^[a-z][a-z0-9-]{1,39}$/);

export const TemplateParameter = z.object({
  name: z.string(),
  label: z.string(),
  kind: z.enum(["integer", "number"]),
  default: z.number(),
  min: z.number(),
  max: z.number(),
});
export type TemplateParameter = z.output<typeof TemplateParameter>;

export const Template = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  algorithm: z.enum(ALGORITHMS),
  parameters: z.array(TemplateParameter),
});
export type Template = z.output<typeof Template>;

/** How the removal of a template ended. */
export type TemplateRemoval = "removed" | "not-found" | "built-in" | "in-use";

export type TemplateStore = {
  /** All templates in the order in which they are shown: first those that come with the service. */
  list(): Promise<Template[]>;
  find(id: string): Promise<Template | undefined>;
  /** Throws NameTakenError when a template has the id. */
  insert(template: Template, change: Change): Promise<Template>;
  remove(id: string, change: Change): Promise<TemplateRemoval>;
};
