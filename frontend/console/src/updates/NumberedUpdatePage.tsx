import { Stack as Column, Text, Title } from "@mantine/core";
import type { StackPath } from "@slipway/automation/contract";
import { useQuery } from "@tanstack/react-query";
import { Link, Navigate } from "@tanstack/react-router";
import { useClient } from "../api.ts";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { queries } from "../queries.ts";

/** The address of an update by its number leads to the update's page, or to the deployment that it belongs to. */
export function NumberedUpdatePage({ stack, number }: { stack: StackPath; number: number }) {
  const read = useQuery(queries.stackUpdate(useClient(), stack, number));
  if (read.data === undefined)
    return (
      <Column gap="lg">
        <Column gap={4}>
          <Text size="sm">
            <Link to="/">Stacks</Link> /{" "}
            <Link to="/stacks/$organisation/$project/$stack" params={stack} search={{ tab: "history" }}>
              {stack.project}/{stack.stack}
            </Link>
          </Text>
          <Title order={1} size="h2">
            Version {Number.isNaN(number) ? "unknown" : number}
          </Title>
        </Column>
        {read.error === null ? <Loading what="the update" /> : <ProblemAlert error={read.error} />}
      </Column>
    );
  const { id, deploymentId } = read.data;
  if (deploymentId !== null) return <Navigate to="/deployments/$id" params={{ id: deploymentId }} replace />;
  return <Navigate to="/updates/$id" params={{ id }} replace />;
}
