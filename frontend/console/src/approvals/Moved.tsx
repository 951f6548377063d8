import { Alert, Text } from "@mantine/core";
import { movedWords } from "@slipway/automation/client";
import type { MovedItem } from "@slipway/automation/contract";
import { useState } from "react";
import { ShowAll } from "../previews/Folded.tsx";

const DRAWN = 10;
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
        {drawn.map((one) => {
          const { what, path, was, is } = movedWords(one);
          return (
            <li key={`${one.item} ${one.urn ?? ""} ${one.path ?? ""}`}>
              <strong>{what}</strong>
              {path !== null && <code> {path}</code>}
              {": "}
              <code>{was}</code> → <code>{is}</code>
            </li>
          );
        })}
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
