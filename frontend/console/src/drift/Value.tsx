import type { DriftValue } from "@slipway/automation/contract";

/** One property before and now. Sealed values come masked. */
export function Value({ of: { before, after } }: { of: DriftValue }) {
  return (
    <span className="inline">
      <del>
        <code>{before ?? "not there"}</code>
      </del>
      <span aria-hidden="true">→</span>
      <ins>
        <code>{after ?? "not there"}</code>
      </ins>
    </span>
  );
}
