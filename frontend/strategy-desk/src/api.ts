import {
  type Decoded,
  type Decoder,
  dictionary,
  list,
  nullable,
  number,
  optional,
  shape,
  text,
} from "./decode.ts";

const Parameter = shape({ name: text, label: text, kind: text, default: number, min: number, max: number });
export const Template = shape({ id: text, name: text, description: text, parameters: list(Parameter) });
export type Template = Decoded<typeof Template>;

export const Instrument = shape({ symbol: text, name: text });
export type Instrument = Decoded<typeof Instrument>;

export const Strategy = shape({
  id: text,
  name: text,
  templateId: text,
  symbol: text,
  parameters: dictionary(number),
});
export type Strategy = Decoded<typeof Strategy>;

export const RiskProfile = shape({
  id: text,
  name: text,
  maxPositionPercent: number,
  stopLossPercent: nullable(number),
  maxDrawdownPercent: nullable(number),
});
export type RiskProfile = Decoded<typeof RiskProfile>;

const Metrics = shape({
  finalEquity: number,
  totalReturn: number,
  maxDrawdown: number,
  sharpe: nullable(number),
  trades: number,
  winRate: nullable(number),
  haltedOn: nullable(text),
});
const Inputs = shape({
  strategyName: text,
  symbol: text,
  riskProfileName: text,
  initialCapital: number,
  days: number,
});
export const BacktestSummary = shape({ id: text, inputs: Inputs, metrics: Metrics, createdAt: text });
export type BacktestSummary = Decoded<typeof BacktestSummary>;
export const Backtest = shape({
  id: text,
  inputs: Inputs,
  metrics: Metrics,
  createdAt: text,
  equity: list(shape({ date: text, equity: number, close: number })),
});
export type Backtest = Decoded<typeof Backtest>;

export const AuditEntry = shape({
  position: text,
  at: text,
  correlationId: text,
  action: text,
  subjectId: text,
});
export type AuditEntry = Decoded<typeof AuditEntry>;

export const Tick = shape({ at: text, quotes: list(shape({ symbol: text, price: number, change: number })) });
export type Tick = Decoded<typeof Tick>;
const Ticks = shape({ items: list(Tick), next: text, pollAfterMs: number });
export type Ticks = Decoded<typeof Ticks>;

/** `marketData`: poll where live quotes cannot be streamed; versions before did not say, and streamed. */
const About = shape({ version: text, executionMode: text, marketData: optional(text) });
const Problem = shape({ code: text, title: text, detail: text, correlationId: text });

function itemsOf<T>(item: Decoder<T>): Decoder<{ items: T[] }> {
  return shape({ items: list(item) });
}
export function pageOf<T>(item: Decoder<T>): Decoder<{ items: T[]; nextCursor: string | null }> {
  return shape({ items: list(item), nextCursor: nullable(text) });
}

/** A refusal by the API, with what a person needs to report it. */
export class ApiProblem extends Error {
  readonly code: string;
  readonly correlationId: string;
  constructor(code: string, message: string, correlationId: string) {
    super(message);
    this.name = "ApiProblem";
    this.code = code;
    this.correlationId = correlationId;
  }
}

/** Turns an error answer into an ApiProblem, also when a proxy answered instead of the API. */
export function problemOf(status: number, body: unknown): ApiProblem {
  try {
    const { code, title, detail, correlationId } = Problem(body, "");
    return new ApiProblem(code, `${title}. ${detail}`, correlationId);
  } catch {
    // Not a problem body: something between the page and the API gave the answer.
    return new ApiProblem("unexpected_answer", `The API answered ${status}.`, "");
  }
}

export type Api = ReturnType<typeof createApi>;

/** The API of one deployment, below `apiUrl` (such as /api). Every call rejects with ApiProblem when it is refused. */
export function createApi(apiUrl: string) {
  async function call<T>(decoder: Decoder<T>, path: string, init: RequestInit = {}): Promise<T> {
    const response = await fetch(`${apiUrl}${path}`, init);
    const body: unknown = await response.json().catch(() => undefined);
    if (!response.ok) throw problemOf(response.status, body);
    return decoder(body, "");
  }
  const post = (body: object): RequestInit => ({
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const after = (cursor: string | null) => (cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`);

  return {
    about: () => call(About, "/about"),
    templates: () => call(itemsOf(Template), "/templates"),
    instruments: () => call(itemsOf(Instrument), "/market-data/instruments"),
    strategies: () => call(pageOf(Strategy), "/strategies?limit=100"),
    createStrategy: (body: object) => call(Strategy, "/strategies", post(body)),
    riskProfiles: () => call(pageOf(RiskProfile), "/risk-profiles?limit=100"),
    createRiskProfile: (body: object) => call(RiskProfile, "/risk-profiles", post(body)),
    backtests: () => call(pageOf(BacktestSummary), "/backtests?limit=10"),
    backtest: (id: string) => call(Backtest, `/backtests/${encodeURIComponent(id)}`),
    runBacktest: (body: object) => call(Backtest, "/backtests", post(body)),
    audit: (cursor: string | null) => call(pageOf(AuditEntry), `/audit?limit=20${after(cursor)}`),
    ticks: (cursor: string | null, signal: AbortSignal) =>
      call(
        Ticks,
        cursor === null ? "/market-data/ticks" : `/market-data/ticks?after=${encodeURIComponent(cursor)}`,
        {
          signal,
        },
      ),
    marketDataUrl: () => `${apiUrl}/market-data/stream`,
  };
}
