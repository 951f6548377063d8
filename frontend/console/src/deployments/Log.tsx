import { Button, Group, Switch, Title } from "@mantine/core";
import type { LogLine } from "@slipway/automation/client";
import { useEffect, useRef, useState } from "react";

/** More lines than this are drawn on request only: each is an element of the page. */
const DRAWN_LINES = 1_000;

/** What programs printed: builds, tests, gates and the Pulumi program. */
export function Log({ lines, ended }: { lines: readonly LogLine[]; ended: boolean }) {
  const [all, setAll] = useState(false);
  const [follows, setFollows] = useState(true);
  const box = useRef<HTMLPreElement>(null);
  const count = lines.length;
  useEffect(() => {
    if (follows && !ended && count > 0) box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [follows, ended, count]);
  if (count === 0) return null;
  const hidden = all ? 0 : Math.max(0, count - DRAWN_LINES);
  return (
    <section aria-labelledby="log">
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4" id="log">
          Log
        </Title>
        {!ended && (
          <Switch
            label="Follow"
            checked={follows}
            onChange={(event) => setFollows(event.currentTarget.checked)}
          />
        )}
      </Group>
      {hidden > 0 && (
        <Button variant="default" size="compact-sm" mb="xs" onClick={() => setAll(true)}>
          Show {hidden} earlier lines
        </Button>
      )}
      {/* Scrolls by itself, so the keyboard must be able to reach it. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: see above */}
      <pre className="log" ref={box} tabIndex={0}>
        {lines.slice(hidden).map((line) => (
          <span key={line.sequence} className={line.stream === "stderr" ? "stderr" : undefined}>
            <span className="log-step">{line.step}</span> {withoutColours(line.line)}
            {"\n"}
          </span>
        ))}
      </pre>
    </section>
  );
}

/** Terminal colours would show as garbage. */
function withoutColours(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
  return line.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, "");
}
