import { Alert, Text } from "@mantine/core";
import type { MovedItem } from "@slipway/automation/contract";
import { useState } from "react";
import { ShowAll } from "../previews/Folded.tsx";

const DRAWN = 10;
const WORDS = {
  operation: "the operation",
  options: "the options",
  source: "the source",
  lockfile: "the lockfile",
  config: "the config of the source",
  serverConfig: "the config on the server",
  plan: "the plan",
  cli: "the Pulumi CLI",
  plugins: "the plugins",
  state: "the state of the stack",
  artifacts: "the artifacts",
  rules: "the rules of approvals and gates",
  policies: "the policies",
} as const satisfies Record<MovedItem["item"], string>;

/** What is not any more as it was sealed, part by part. */
export function Moved({ moved, isOver }: { moved: readonly MovedItem[]; isOver: boolean }) {
  const [all, setAll] = useState(false);
  if (moved.length === 0) return null;
  const drawn = all ? moved : moved.slice(0, DRAWN);
  return (
    <Alert
      variant="default"
      className="alert-red"
      title={isOver ? "What moved since it was previewed" : "This has moved since it was previewed"}
    >
      <ul className="reasons">
        {drawn.map((one) => (
          <li key={`${one.item} ${one.urn ?? ""} ${one.path ?? ""}`}>
            <strong>{WORDS[one.item]}</strong>
            {one.urn !== null && <> {one.urn.split("::").at(-1)}</>}
            {one.path !== null && <code> {one.path}</code>}
            {": "}
            <code>{shown(one.was)}</code> → <code>{shown(one.is)}</code>
          </li>
        ))}
      </ul>
      {drawn.length < moved.length && (
        <ShowAll onClick={() => setAll(true)}>show {moved.length - drawn.length} more</ShowAll>
      )}
      {!isOver && (
        <Text size="sm" mt="xs">
          It would end as stale before anything is changed.
        </Text>
      )}
    </Alert>
  );
}

const SHOWN_CHARACTERS = 120;

function shown(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}
