import { useState } from "react";
import type { Api, Backtest, BacktestSummary, RiskProfile, Strategy } from "./api.ts";
import { lineChart } from "./chart.ts";
import { formatMoney, formatRatio, formatReturn, formatShare } from "./format.ts";
import { ActionForm, ErrorNote, Field, fieldNumber, fieldText, NumberField, Section } from "./parts.tsx";
import type { Loaded } from "./use-loaded.ts";

const WIDTH = 640;
const HEIGHT = 220;

/** Runs a strategy under a risk profile and shows the result; earlier results can be opened again. */
export function Backtests(props: {
  readonly api: Api;
  readonly strategies: readonly Strategy[];
  readonly profiles: readonly RiskProfile[];
  readonly earlier: Loaded<{ items: BacktestSummary[] }>;
  readonly onChange: () => void;
}) {
  const [shown, setShown] = useState<Backtest | undefined>(undefined);
  const [error, setError] = useState<unknown>(undefined);
  const run = async (form: FormData) => {
    const result = await props.api.runBacktest({
      strategyId: fieldText(form, "strategyId"),
      riskProfileId: fieldText(form, "riskProfileId"),
      days: fieldNumber(form, "days") ?? 504,
      seed: fieldNumber(form, "seed") ?? 1,
    });
    setShown(result);
    props.onChange();
  };
  const open = (id: string) => {
    props.api.backtest(id).then(
      (result) => {
        setShown(result);
        setError(undefined);
      },
      (problem: unknown) => setError(problem),
    );
  };
  const isPossible = props.strategies.length > 0 && props.profiles.length > 0;
  return (
    <Section title="Backtests" id="backtests">
      {isPossible ? (
        <ActionForm action="Run backtest" onSend={run}>
          <div className="fields">
            <Choice label="Strategy" name="strategyId" options={props.strategies} />
            <Choice label="Risk profile" name="riskProfileId" options={props.profiles} />
            <NumberField label="Trading days" name="days" initial={504} min={30} max={2520} />
            <NumberField label="Market seed" name="seed" initial={1} min={0} max={4294967295} />
          </div>
        </ActionForm>
      ) : (
        <p className="hint">Create a strategy and a risk profile first.</p>
      )}
      <ErrorNote error={error ?? props.earlier.error} />
      {shown !== undefined && <Result backtest={shown} />}
      <ul className="rows" aria-label="Earlier backtests">
        {props.earlier.value?.items.map((one) => (
          <li key={one.id}>
            <button type="button" className="link" onClick={() => open(one.id)}>
              {one.inputs.strategyName} with {one.inputs.riskProfileName}
            </button>
            <span>{formatReturn(one.metrics.totalReturn)}</span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Choice(props: {
  readonly label: string;
  readonly name: string;
  readonly options: readonly { readonly id: string; readonly name: string }[];
}) {
  return (
    <Field label={props.label}>
      {(id) => (
        <select id={id} name={props.name}>
          {props.options.map((one) => (
            <option key={one.id} value={one.id}>
              {one.name}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

function Result(props: { readonly backtest: Backtest }) {
  const { inputs, metrics, equity } = props.backtest;
  const points = equity.map((point) => ({ date: point.date, value: point.equity }));
  const chart = lineChart(points, inputs.initialCapital, WIDTH, HEIGHT);
  const summary = `Equity of ${inputs.strategyName} on ${inputs.symbol}: ${formatReturn(metrics.totalReturn)} in ${inputs.days} days`;
  return (
    <figure>
      <svg viewBox={`-2 -6 ${WIDTH + 4} ${HEIGHT + 12}`} role="img" aria-label={summary}>
        <line className="baseline" x1="0" x2={WIDTH} y1={chart.baseline} y2={chart.baseline} />
        <path className="curve" d={chart.path} />
      </svg>
      <figcaption>
        {summary}, between {formatMoney(chart.low)} and {formatMoney(chart.high)}. The dashed line is the
        starting capital.
      </figcaption>
      <dl className="metrics">
        <Metric name="Total return" value={formatReturn(metrics.totalReturn)} />
        <Metric name="Deepest fall" value={formatShare(metrics.maxDrawdown)} />
        <Metric name="Sharpe ratio" value={formatRatio(metrics.sharpe)} />
        <Metric name="Trades" value={String(metrics.trades)} />
        <Metric name="Won" value={formatShare(metrics.winRate)} />
        {metrics.haltedOn !== null && <Metric name="Halted on" value={metrics.haltedOn} />}
      </dl>
    </figure>
  );
}

function Metric(props: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>{props.value}</dd>
    </div>
  );
}
