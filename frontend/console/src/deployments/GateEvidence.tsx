import { Stack as Column, Text } from "@mantine/core";
import type { GateEvidence as Evidence, GateResult } from "@slipway/automation/contract";
import { useQuery } from "@tanstack/react-query";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import { DataTable } from "../components/DataTable.tsx";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { Status } from "../components/Status.tsx";
import { gateChart } from "./gate-chart.ts";

/** The end says the most; the chart shows all. */
const SHOWN_ROWS = 20;

/** All that a gate measured: chart, thresholds, what was there before, the last measurements, output. */
export function GateEvidence({ deploymentId, gate }: { deploymentId: string; gate: GateResult }) {
  const client = useClient();
  const { name, phase } = gate;
  const read = useQuery({
    // A later attempt measures anew: another time, another answer.
    queryKey: ["deployment", deploymentId, "gate", phase, name, gate.measuredAt],
    queryFn: () => client.getGate({ params: { id: deploymentId, phase, name } }),
  });
  if (read.data === undefined)
    return read.error === null ? <Loading what="the measurements" /> : <ProblemAlert error={read.error} />;
  const seen = read.data;
  return (
    <Column gap="xs" className="gate-evidence">
      <Text size="sm">
        {seen.source === "stack" ? "Required by the stack's settings" : "Declared in slipway.yaml"}
        {seen.dryRun && ", a dry run that decides nothing"}
        {seen.timing !== null && `; measured ${seen.timing}`}.
      </Text>
      {seen.baseline !== null && (
        <Text size="sm">
          Before the update: <Status value={seen.baseline.verdict} /> {seen.baseline.detail}
        </Text>
      )}
      <Chart seen={seen} />
      <DataTable
        caption={
          seen.measured > SHOWN_ROWS
            ? `The last ${SHOWN_ROWS} of ${seen.measured} measurements`
            : "Measurements"
        }
        rows={seen.measurements.slice(-SHOWN_ROWS)}
        keyOf={({ at, afterSeconds }) => `${at} ${afterSeconds}`}
        columns={[
          { label: "When", cell: ({ at }) => <Age at={at} /> },
          { label: "Verdict", cell: ({ verdict }) => <Status value={verdict} /> },
          {
            label: "Value",
            cell: ({ value }) =>
              value === null ? "none" : `${value}${seen.unit === null ? "" : ` ${seen.unit}`}`,
          },
          { label: "Seen", wide: true, cell: ({ detail }) => detail },
        ]}
        empty="It was never measured."
      />
      {seen.output !== null && seen.output !== "" && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <section className="gate-output" tabIndex={0} aria-label={`Output of the gate ${name}`}>
          <pre>{seen.output}</pre>
        </section>
      )}
    </Column>
  );
}

/** Values against their thresholds; the table below says the same in words. */
function Chart({ seen }: { seen: Evidence }) {
  const chart = gateChart(seen);
  if (chart === null) return null;
  const { width, height, path, points, thresholds } = chart;
  const limits = thresholds.map(({ label }) => label).join(", ");
  return (
    <figure className="gate-chart">
      <svg
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={`${points.length} values${limits === "" ? "" : `; ${limits}`}`}
      >
        {thresholds.map(({ y, means, label }) => (
          <g key={label} className={`gate-threshold gate-${means}`}>
            <line x1={0} x2={width} y1={y} y2={y} />
            <text x={width - 4} y={y - 4} textAnchor="end">
              {label}
            </text>
          </g>
        ))}
        <path d={path} className="gate-line" />
        {points.map(({ x, y, verdict, label }) => (
          <circle key={`${x} ${y}`} cx={x} cy={y} r={3} className={`gate-point gate-${verdict}`}>
            <title>{label}</title>
          </circle>
        ))}
      </svg>
    </figure>
  );
}
