import { List, Title } from "@mantine/core";
import type { DeploymentProgress } from "@slipway/automation/client";
import { Age } from "../components/Age.tsx";

/** How a deployment was stopped, rung by rung. */
export function Ladder({ rungs }: { rungs: DeploymentProgress["ladder"] }) {
  if (rungs.length === 0) return null;
  return (
    <section aria-labelledby="ladder">
      <Title order={2} size="h4" id="ladder" mb="xs">
        How it was stopped
      </Title>
      <List type="ordered" size="sm">
        {rungs.map((one) => (
          <List.Item key={`${one.at} ${one.rung}`}>
            {one.detail} <Age at={one.at} />
          </List.Item>
        ))}
      </List>
    </section>
  );
}
