import { createHandler } from "../functions/handler.ts";
import { health } from "../functions/health.ts";

export const handler = createHandler(health);
