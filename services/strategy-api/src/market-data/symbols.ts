import { z } from "zod";
import { ApiError } from "../errors.ts";
import { findInstrument, INSTRUMENTS, type Instrument } from "./instruments.ts";

/** Symbols of a query, separated by commas. */
export const Symbols = z
  .string()
  .max(200)
  .transform((text) => [...new Set(text.split(",").map((symbol) => symbol.trim().toUpperCase()))])
  .optional();

/** The instruments of a query's symbols; all of them when it names none. Throws ApiError. */
export function instrumentsOf(symbols: readonly string[] | undefined): Instrument[] {
  return (symbols ?? INSTRUMENTS.map((instrument) => instrument.symbol)).map((symbol) =>
    requireInstrument(symbol, "symbols"),
  );
}

/** The instrument of a symbol that stands in a parameter of the query. Throws ApiError. */
export function requireInstrument(symbol: string, parameter: string): Instrument {
  const instrument = findInstrument(symbol);
  if (instrument !== undefined) return instrument;
  const known = INSTRUMENTS.map((i) => i.symbol).join(", ");
  throw new ApiError("unknown_symbol", `The instruments are ${known}.`, {
    issues: [{ path: `querystring.${parameter}`, message: "names an instrument that does not exist" }],
  });
}
