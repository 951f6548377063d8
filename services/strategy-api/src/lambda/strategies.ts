import { createHandler } from "../functions/handler.ts";
import { strategies } from "../functions/strategies.ts";

export const handler = createHandler(strategies);
