import { Stack as Column, Paper } from "@mantine/core";
import type { Approval, Deployment } from "@slipway/automation/contract";
import { ApprovalPanel } from "../approvals/ApprovalPanel.tsx";
import { Facts } from "./Facts.tsx";
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
  const action = primaryActionOf(deployment, approval);
  return (
    <>
      <Paper withBorder p="md">
        <Column gap="md">
          <Facts deployment={deployment} approval={approval} planned={planned} />
          {action === "preview-again" && <PreviewAgain deployment={deployment} />}
          {action === "continue" && <NextAction deployment={deployment} />}
        </Column>
      </Paper>
      {approval !== null && <ApprovalPanel approval={approval} />}
    </>
  );
}
