import type { GateResult } from "@slipway/automation/contract";
import { DataTable } from "../components/DataTable.tsx";
import { Status } from "../components/Status.tsx";

/** The verdicts of the gates. */
export function Gates({ gates }: { gates: readonly GateResult[] }) {
  return (
    <DataTable
      caption="Gates"
      rows={gates}
      keyOf={(gate) => `${gate.phase} ${gate.name}`}
      columns={[
        { label: "Gate", cell: (gate) => `${gate.name}${gate.required ? "" : " (advisory)"}` },
        { label: "When", cell: (gate) => `${gate.phase} the update` },
        { label: "Verdict", cell: (gate) => <Status value={gate.verdict} /> },
        { label: "Why", wide: true, cell: (gate) => gate.detail },
      ]}
      empty=""
    />
  );
}
