import { Stack as Column, Paper } from "@mantine/core";
import type { Approval, Deployment } from "@slipway/automation/contract";
import { useQuery } from "@tanstack/react-query";
import { useClient } from "../api.ts";
import { ApprovalPanel } from "../approvals/ApprovalPanel.tsx";
import { Moved } from "../approvals/Moved.tsx";
import { MyVote } from "../approvals/MyVote.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { isTerminal, queries } from "../queries.ts";
import { ConsentForm } from "./ConsentForm.tsx";
import { DeployThis } from "./DeployThis.tsx";
import { Facts } from "./Facts.tsx";
import { HoldDecision } from "./HoldDecision.tsx";
import { NextAction } from "./NextAction.tsx";
import { PreviewAgain } from "./PreviewAgain.tsx";
import { primaryActionOf } from "./primary-action.ts";

/** What a person has to know about a deployment, and the one thing to do about it. */
export function Decision({
  deployment,
  approval,
  planned,
}: {
  deployment: Deployment;
  approval: Approval | null;
  planned: Readonly<Record<string, number>> | null;
}) {
  const isOver = isTerminal(deployment);
  const action = primaryActionOf(deployment, approval);
  const isAsked =
    !isOver && approval !== null && (approval.state === "open" || approval.state === "approved");
  const isBound =
    action === "vote" || action === "sign-off" || action === "await-votes" || action === "deploy-this";
  const seal = useQuery({ ...queries.seal(useClient(), deployment.id), enabled: isBound });
  const moved = deployment.moved ?? (isOver ? [] : (seal.data?.moved ?? []));
  return (
    <>
      <Paper withBorder p="md">
        <Column gap="md">
          <Facts deployment={deployment} approval={approval} planned={planned} />
          <Moved moved={moved} isOver={isOver} />
          {isBound && seal.error !== null && <ProblemAlert error={seal.error} />}
          {action === "consent" && deployment.consent !== null && (
            <ConsentForm id={deployment.id} consent={deployment.consent} />
          )}
          {action === "decide-hold" && deployment.hold !== null && (
            <HoldDecision id={deployment.id} hold={deployment.hold} />
          )}
          {isAsked && action !== "consent" && <MyVote approval={approval} />}
          {action === "preview-again" && <PreviewAgain deployment={deployment} />}
          {action === "continue" && <NextAction deployment={deployment} />}
          {action === "deploy-this" && seal.data != null && (
            <DeployThis deployment={deployment} seal={seal.data.digest} />
          )}
        </Column>
      </Paper>
      {approval !== null && <ApprovalPanel approval={approval} />}
    </>
  );
}
