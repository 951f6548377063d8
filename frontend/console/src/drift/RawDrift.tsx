import { Button, Stack as Column, Text } from "@mantine/core";
import type { StackPath } from "@slipway/automation/contract";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useClient } from "../api.ts";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { queries } from "../queries.ts";
import { Value } from "./Value.tsx";

/** All that differed in one check as it was read, asked for with a click. */
export function RawDrift({ stack, check }: { stack: StackPath; check: string }) {
  const [isShown, setIsShown] = useState(false);
  const { data, error } = useQuery({ ...queries.rawDrift(useClient(), stack, check), enabled: isShown });
  if (!isShown) {
    return (
      <Button
        variant="default"
        size="compact-sm"
        onClick={() => setIsShown(true)}
        style={{ alignSelf: "start" }}
      >
        Show everything as it was read
      </Button>
    );
  }
  if (data === undefined)
    return error === null ? <Loading what="what was read" /> : <ProblemAlert error={error} />;
  return (
    <Column gap="xs">
      {data.items.length === 0 && <Text c="dimmed">Nothing differed at all.</Text>}
      {data.items.map(({ urn, class: kind, values }) => (
        <section key={urn} aria-label={urn}>
          <Text size="sm">
            {urn} ({kind})
          </Text>
          {values.map((value) => (
            <Text size="sm" key={`${value.path} ${value.after}`} ml="md">
              <code>{value.path}</code> ({value.side}) <Value of={value} />
            </Text>
          ))}
        </section>
      ))}
      {!data.complete && <Text c="dimmed">There was more than is kept.</Text>}
    </Column>
  );
}
