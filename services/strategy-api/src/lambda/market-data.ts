import { createHandler } from "../functions/handler.ts";
import { marketData } from "../functions/market-data.ts";

export const handler = createHandler(marketData);
