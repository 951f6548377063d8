import { Anchor, Code, Stack as Column, Text } from "@mantine/core";
import type { StackPath } from "@slipway/automation/contract";
import { useQuery } from "@tanstack/react-query";
import { useClient } from "../api.ts";
import { DataTable } from "../components/DataTable.tsx";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { queries } from "../queries.ts";
import { OutputReaders } from "./OutputReaders.tsx";
import { addressesIn, isSecretOutput } from "./outputs.ts";

/** The outputs in the stack's current state, whoever left it. */
export function OutputsPanel({ stack }: { stack: StackPath }) {
  const read = useQuery(queries.outputs(useClient(), stack));
  if (read.data === undefined)
    return read.error === null ? <Loading what="outputs" /> : <ProblemAlert error={read.error} />;
  return (
    <Column gap="xl">
      <DataTable
        caption="Outputs of the current state"
        rows={Object.entries(read.data.outputs)}
        keyOf={([name]) => name}
        columns={[
          { label: "Output", cell: ([name]) => <Code>{name}</Code> },
          { label: "Value", wide: true, cell: ([name, value]) => <Value name={name} value={value} /> },
        ]}
        empty={read.data.state === null ? "Not deployed yet." : "The program has no outputs."}
      />
      <OutputReaders stack={stack} />
    </Column>
  );
}

function Value({ name, value }: { name: string; value: unknown }) {
  const [address] = addressesIn({ [name]: value });
  if (address !== undefined)
    return (
      <Anchor href={address[1]} target="_blank" rel="noreferrer" underline="always">
        {address[1]}
      </Anchor>
    );
  if (isSecretOutput(value)) return <Text c="dimmed">secret</Text>;
  return <Code className="value">{typeof value === "string" ? value : JSON.stringify(value, null, 2)}</Code>;
}
