import { createHandler } from "../functions/handler.ts";
import { templates } from "../functions/templates.ts";

export const handler = createHandler(templates);
