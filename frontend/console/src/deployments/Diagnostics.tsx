import { Title } from "@mantine/core";
import type { Diagnostic } from "@slipway/automation/client";
import { Status } from "../components/Status.tsx";

/** What the engine and the program had to say, errors first. */
export function Diagnostics({ diagnostics }: { diagnostics: readonly Diagnostic[] }) {
  const shown = diagnostics.filter((one) => one.severity !== "debug");
  if (shown.length === 0) return null;
  const errorsFirst = shown.toSorted(
    (a, b) => Number(b.severity === "error") - Number(a.severity === "error") || a.sequence - b.sequence,
  );
  return (
    <section aria-labelledby="diagnostics">
      <Title order={2} size="h4" id="diagnostics" mb="xs">
        Diagnostics
      </Title>
      <ul className="diagnostics">
        {errorsFirst.map((one) => (
          <li key={one.sequence}>
            <span>
              <Status value={one.severity} />
            </span>
            {one.urn !== null && <span className="urn">{one.urn.split("::").slice(-2).join(" ")}</span>}
            <pre>{one.message.trim()}</pre>
          </li>
        ))}
      </ul>
    </section>
  );
}
