import { Title } from "@mantine/core";
import { type PreviewGraph, replaceChains } from "@slipway/automation/client";
import { useMemo, useState } from "react";
import { ShowAll } from "./Folded.tsx";

const DRAWN_LINKS = 20;
const INDENT_REM = 1.4;

/** Which replacement leads to which, with the property that causes each. */
export function ReplaceChains({ graph }: { graph: PreviewGraph }) {
  const links = useMemo(() => replaceChains(graph), [graph]);
  const [all, setAll] = useState(false);
  if (links.length === 0) return null;
  const drawn = all ? links : links.slice(0, DRAWN_LINKS);
  return (
    <section aria-labelledby="replacements">
      <Title order={3} size="h5" id="replacements" mb={4}>
        Why {links.length === 1 ? "a resource is" : `${links.length} resources are`} replaced
      </Title>
      <ul className="chain">
        {drawn.map(({ resource, depth, properties }) => (
          <li key={resource.urn} style={{ paddingInlineStart: `${Math.min(depth, 8) * INDENT_REM}rem` }}>
            {depth > 0 && <span aria-hidden="true">↳ </span>}
            <strong>{resource.name}</strong> <span className="planned-type">{resource.type}</span>
            {properties.length > 0 && (
              <>
                {" "}
                because of <code>{properties.join(", ")}</code>
              </>
            )}
            {depth > 0 && <span className="note"> (follows the one above it)</span>}
          </li>
        ))}
      </ul>
      {drawn.length < links.length && (
        <ShowAll onClick={() => setAll(true)}>show {links.length - drawn.length} more</ShowAll>
      )}
    </section>
  );
}
