import { audit } from "../functions/audit.ts";
import { createHandler } from "../functions/handler.ts";

export const handler = createHandler(audit);
