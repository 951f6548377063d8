import { Stack as Column, Text } from "@mantine/core";
import { formatBrought } from "@slipway/automation/client";
import type { Approval, AwaitedSignOff } from "@slipway/automation/contract";
import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { SignOffForm } from "../readiness/SignOffForm.tsx";

/** The sign-off of the signed-in person for exactly what a deployment brings, and the way to its checklist. */
export function MySignOff({ approval, signOff }: { approval: Approval; signOff: AwaitedSignOff }) {
  const cache = useQueryClient();
  const { organisation, project, stack, deploymentId } = approval;
  const { brings, open } = signOff;
  const params = { organisation, project, stack };
  const readAgain = () => {
    void cache.invalidateQueries({ queryKey: ["deployment", deploymentId] });
    void cache.invalidateQueries({ queryKey: ["approvals"] });
    void cache.invalidateQueries({ queryKey: ["stack", organisation, project, stack, "readiness"] });
  };
  return (
    <Column gap="sm">
      <Text size="sm">
        Sign off {formatBrought(brings)}, by the{" "}
        <Link to="/stacks/$organisation/$project/$stack" params={params} search={{ tab: "readiness" }}>
          checklist of {stack}
        </Link>
        .
      </Text>
      <SignOffForm
        stack={params}
        choice={
          brings.kind === "release"
            ? { from: brings.stack, release: brings.release }
            : { source: brings.sourceDigest }
        }
        open={open.length}
        onSigned={readAgain}
      />
    </Column>
  );
}
