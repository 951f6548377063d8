import { Button, Stack as Column } from "@mantine/core";
import type { GateResult } from "@slipway/automation/contract";
import { useState } from "react";
import { DataTable } from "../components/DataTable.tsx";
import { Status } from "../components/Status.tsx";
import { GateEvidence } from "./GateEvidence.tsx";
import "./gates.css";

const keyOf = ({ phase, name }: GateResult) => `${phase} ${name}`;

/** The verdicts of the gates, and on request all that one of them measured. */
export function Gates({ deploymentId, gates }: { deploymentId: string; gates: readonly GateResult[] }) {
  const [shown, setShown] = useState<string | null>(null);
  const open = gates.find((gate) => keyOf(gate) === shown);
  return (
    <Column gap="xs">
      <DataTable
        caption="Gates"
        rows={gates}
        keyOf={keyOf}
        columns={[
          { label: "Gate", cell: (gate) => `${gate.name}${kindOf(gate)}` },
          { label: "When", cell: (gate) => `${gate.phase} the update` },
          { label: "Verdict", cell: (gate) => <Status value={gate.verdict} /> },
          { label: "Why", wide: true, cell: (gate) => gate.detail },
          {
            label: "Measured",
            cell: (gate) => {
              const isOpen = keyOf(gate) === shown;
              return (
                <Button
                  size="compact-sm"
                  variant="default"
                  aria-expanded={isOpen}
                  aria-label={`${isOpen ? "Hide" : "Show"} the measurements of ${gate.name}`}
                  onClick={() => setShown(isOpen ? null : keyOf(gate))}
                >
                  {isOpen ? "Hide" : "Show"}
                </Button>
              );
            },
          },
        ]}
        empty=""
      />
      {open !== undefined && (
        <section aria-label={`Measurements of ${open.name}`}>
          <GateEvidence deploymentId={deploymentId} gate={open} />
        </section>
      )}
    </Column>
  );
}

function kindOf(gate: GateResult): string {
  if (gate.dryRun === true) return " (dry run)";
  if (!gate.required) return " (advisory)";
  return gate.unhealthyBefore === true ? " (failed before too)" : "";
}
