import { Code, Text } from "@mantine/core";

/** What to do about something, with what stands between backquotes as code. */
export function Remedy({ text }: { text: string }) {
  return (
    <Text size="sm">
      {text.split("`").map((part, at) =>
        // biome-ignore lint/suspicious/noArrayIndexKey: parts of a text have no name, and never move
        at % 2 === 1 ? <Code key={at}>{part}</Code> : part,
      )}
    </Text>
  );
}
