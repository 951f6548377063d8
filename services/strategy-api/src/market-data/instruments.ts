import { z } from "zod";

export const Instrument = z.object({
  symbol: z.string(),
  name: z.string(),
  basePrice: z.number(),
  /** Expected daily return and its standard deviation, as fractions. */
  dailyDrift: z.number(),
  dailyVolatility: z.number(),
});
export type Instrument = z.output<typeof Instrument>;

/** The instruments that the generated market knows. They are invented, as their prices are. */
export const INSTRUMENTS: readonly Instrument[] = [
  {
    symbol: "HRBR",
    name: "Harbour Freight Lines",
    basePrice: 84,
    dailyDrift: 0.0005,
    dailyVolatility: 0.014,
  },
  { symbol: "KEEL", name: "Keel Shipyards", basePrice: 37.5, dailyDrift: 0.0002, dailyVolatility: 0.022 },
  { symbol: "TIDE", name: "Tidal Power Trust", basePrice: 152, dailyDrift: 0.0004, dailyVolatility: 0.009 },
  { symbol: "ANCR", name: "Anchor Insurance", basePrice: 61.2, dailyDrift: 0.0003, dailyVolatility: 0.011 },
  { symbol: "SXTN", name: "Sextant Instruments", basePrice: 210, dailyDrift: 0.0009, dailyVolatility: 0.028 },
];

export function findInstrument(symbol: string): Instrument | undefined {
  return INSTRUMENTS.find((instrument) => instrument.symbol === symbol);
}
