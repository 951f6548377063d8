import { backtests } from "../functions/backtests.ts";
import { createHandler } from "../functions/handler.ts";

export const handler = createHandler(backtests);
