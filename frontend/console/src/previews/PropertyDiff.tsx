import { VisuallyHidden } from "@mantine/core";
import { type DiffLine, type ShownChange, type ShownValue, shownChange } from "@slipway/automation/client";
import type { PropertyChange } from "@slipway/automation/contract";
import { useMemo, useState } from "react";
import { FoldedText, ShowAll } from "./Folded.tsx";

/** More lines of one value than this are drawn on request only. */
const DRAWN_LINES = 40;
/** More properties of one resource. */
const DRAWN_PROPERTIES = 50;

const KINDS = { add: ["+", "added"], delete: ["−", "removed"], update: ["~", "changed"] } as const;

/** What a resource's properties change from and to; those that make it a replacement first. Shows no value of a secret. */
export function PropertyDiff({ changes }: { changes: readonly PropertyChange[] }) {
  const [all, setAll] = useState(false);
  const sorted = useMemo(
    () => changes.toSorted((a, b) => Number(b.replaces) - Number(a.replaces)),
    [changes],
  );
  const drawn = all ? sorted : sorted.slice(0, DRAWN_PROPERTIES);
  return (
    <>
      <ul className="property-diff">
        {drawn.map((change) => (
          <li key={`${change.kind} ${change.path}`}>
            <Change change={change} />
          </li>
        ))}
      </ul>
      {drawn.length < sorted.length && (
        <ShowAll onClick={() => setAll(true)}>show {sorted.length - drawn.length} more properties</ShowAll>
      )}
    </>
  );
}

function Change({ change }: { change: PropertyChange }) {
  const shown = useMemo(() => shownChange(change), [change]);
  const [sign, word] = KINDS[shown.kind];
  return (
    <>
      <div className="property-name">
        <span className={`mark mark-${shown.kind}`} aria-hidden="true">
          {sign}
        </span>
        <code>{shown.path}</code>
        <VisuallyHidden>{word}</VisuallyHidden>
        {shown.replaces && <span className="status status-bad">forces the replacement</span>}
        {shown.form === "lines" && shown.isEmbedded && <span className="note">JSON in a text</span>}
      </div>
      <Sides shown={shown} />
    </>
  );
}

function Sides({ shown }: { shown: ShownChange }) {
  if (shown.form === "lines") return <Lines lines={shown.lines} isUnknown={shown.isUnknown} />;
  return (
    <div className="property-sides">
      {shown.kind !== "add" && (
        <span className="side-before">
          <VisuallyHidden>before: </VisuallyHidden>
          <Value value={shown.before} />
        </span>
      )}
      {shown.kind === "update" && <span aria-hidden="true">→</span>}
      {shown.kind !== "delete" && (
        <span className="side-after">
          <VisuallyHidden>after: </VisuallyHidden>
          <Value value={shown.after} />
        </span>
      )}
    </div>
  );
}

function Value({ value }: { value: ShownValue }) {
  switch (value.kind) {
    case "absent":
      return <em>nothing</em>;
    case "secret":
      return <em>secret, not shown</em>;
    case "unknown":
      return <em>known during the update</em>;
    case "text":
      return (
        <code className="value">
          <FoldedText text={value.text} />
        </code>
      );
  }
}

const MARKS = { same: " ", added: "+", removed: "−" } as const;

function Lines({ lines, isUnknown }: { lines: readonly DiffLine[]; isUnknown: boolean }) {
  const [all, setAll] = useState(false);
  const drawn = all ? lines : lines.slice(0, DRAWN_LINES);
  const onlySecrets = !isUnknown && lines.every(({ mark }) => mark === "same");
  return (
    <>
      {onlySecrets && <p className="note">What differs is secret.</p>}
      {/* Scrolls by itself, so the keyboard must be able to reach it. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: see above */}
      <pre className="diff-lines" tabIndex={0}>
        {drawn.map((line, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines have no name, and never move
          <Line key={index} line={line} />
        ))}
      </pre>
      {isUnknown && <p className="note">What it will be is known during the update.</p>}
      {drawn.length < lines.length && (
        <ShowAll onClick={() => setAll(true)}>show {lines.length - drawn.length} more lines</ShowAll>
      )}
    </>
  );
}

function Line({ line }: { line: DiffLine }) {
  if (line.mark === "skipped")
    return <span className="line-skipped">{`  … ${line.count} equal lines\n`}</span>;
  return (
    <span className={`line-${line.mark}`}>
      {MARKS[line.mark]} <FoldedText text={line.text} />
      {"\n"}
    </span>
  );
}
