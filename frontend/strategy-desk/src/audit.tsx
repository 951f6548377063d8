import { useEffect, useState } from "react";
import type { Api, AuditEntry } from "./api.ts";
import { formatInstant } from "./format.ts";
import { ErrorNote, Section } from "./parts.tsx";

type Pages = {
  readonly items: readonly AuditEntry[];
  readonly nextCursor: string | null;
  readonly error: unknown;
};

/** The record of changes, newest first. It starts again from the newest when `changes` counts up. */
export function Audit(props: { readonly api: Api; readonly changes: number }) {
  const { api, changes } = props;
  const [pages, setPages] = useState<Pages>({ items: [], nextCursor: null, error: undefined });
  // biome-ignore lint/correctness/useExhaustiveDependencies: a change elsewhere is what makes a new entry
  useEffect(() => {
    let isCurrent = true;
    api.audit(null).then(
      (page) => isCurrent && setPages({ ...page, error: undefined }),
      (error: unknown) => isCurrent && setPages((before) => ({ ...before, error })),
    );
    return () => {
      isCurrent = false;
    };
  }, [api, changes]);
  const more = () => {
    api.audit(pages.nextCursor).then(
      (page) => setPages({ ...page, items: [...pages.items, ...page.items], error: undefined }),
      (error: unknown) => setPages((before) => ({ ...before, error })),
    );
  };
  return (
    <Section title="Audit log" id="audit">
      <ErrorNote error={pages.error} />
      {pages.items.length === 0 && <p className="hint">Nothing has been changed yet.</p>}
      <ol className="rows" aria-label="Changes, newest first">
        {pages.items.map((entry) => (
          <li key={entry.position}>
            <strong>{entry.action.replace("_", " ").replace(".", " ")}</strong>
            <span>
              {formatInstant(entry.at)} <code>{entry.correlationId.slice(0, 8)}</code>
            </span>
          </li>
        ))}
      </ol>
      {pages.nextCursor !== null && (
        <button type="button" onClick={more}>
          Older entries
        </button>
      )}
    </Section>
  );
}
