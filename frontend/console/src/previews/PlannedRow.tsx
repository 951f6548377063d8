import { replacingPaths } from "@slipway/automation/client";
import type { PlannedStep } from "@slipway/automation/contract";
import { useState } from "react";
import { Operation } from "./Operation.tsx";
import { PropertyDiff } from "./PropertyDiff.tsx";

/** One resource of a preview; opened, what its properties change from and to. */
export function PlannedRow({ step, opened = false }: { step: PlannedStep; opened?: boolean }) {
  const [open, setOpen] = useState(opened);
  const because = replacingPaths(step);
  return (
    <details className="planned" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <Operation value={step.operation} />
        <strong className="planned-name">{step.name}</strong>
        <span className="planned-type">{step.type}</span>
        {step.protect && <span className="status status-warn">protected</span>}
        {because.length > 0 && (
          <span className="planned-why">
            because of <code>{because.join(", ")}</code>
          </span>
        )}
        {because.length === 0 && step.changes.length > 0 && (
          <span className="planned-why">{propertiesOf(step.changes)}</span>
        )}
      </summary>
      {/* Thousands of rows, of which few are opened. */}
      {open && (
        <div className="planned-body">
          <p className="urn breakable">{step.urn}</p>
          {step.changes.length > 0 ? (
            <PropertyDiff changes={step.changes} />
          ) : (
            <p className="note">{nothingOf(step.operation)}</p>
          )}
        </div>
      )}
    </details>
  );
}

/** The engine blinds secrets before it compares them: a change of a secret alone has nothing to show. */
function nothingOf(operation: string): string {
  return operation === "update" || operation === "replace"
    ? "What changes is a secret, or known to the provider alone."
    : "No property changes.";
}

const NAMED_PROPERTIES = 3;

function propertiesOf(changes: PlannedStep["changes"]): string {
  const named = changes
    .slice(0, NAMED_PROPERTIES)
    .map(({ path }) => path)
    .join(", ");
  const more = changes.length - NAMED_PROPERTIES;
  return more > 0 ? `${named} and ${more} more` : named;
}
