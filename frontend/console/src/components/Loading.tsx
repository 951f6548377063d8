import { Skeleton, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useNow } from "./now.ts";

/** An answer that takes longer is spoken of: an empty page would look like a broken one. Told anew as often. */
const PATIENCE_MS = 5_000;

/** In the place of what is being read; says for how long, once it takes long. */
export function Loading({ what }: { what: string }) {
  const [since] = useState(Date.now);
  const waitedMs = useNow(PATIENCE_MS) - since;
  // A timer may come a little early.
  const waited = Math.round(waitedMs / PATIENCE_MS) * (PATIENCE_MS / 1_000);
  return (
    <Stack gap="sm" role="status">
      <Text c="dimmed" size="sm">
        {waited === 0
          ? `Loading ${what}`
          : `Still loading ${what}: the server has not answered for ${waited} s.`}
      </Text>
      <Skeleton height={20} width="60%" />
      <Skeleton height={20} />
      <Skeleton height={20} width="80%" />
    </Stack>
  );
}
