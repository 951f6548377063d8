import { Stack as Column, Group, Paper, Text, Title } from "@mantine/core";
import { formatBrought } from "@slipway/automation/client";
import type { Approval, AwaitedSignOff } from "@slipway/automation/contract";
import { Age } from "../components/Age.tsx";
import { DataTable } from "../components/DataTable.tsx";
import { Status } from "../components/Status.tsx";
import { Countdown } from "./Countdown.tsx";
import { anyOf, personOf } from "./people.ts";
import { shortSeal } from "./VoteForm.tsx";

/** What the stack asks for: of whom, who has voted, what is missing and until when. */
export function ApprovalPanel({ approval }: { approval: Approval }) {
  const isOpen = approval.state === "open" || approval.state === "approved";
  return (
    <Paper withBorder p="md" component="section" aria-labelledby="approval">
      <Column gap="sm">
        <Group justify="space-between" gap="xs">
          <Title order={2} size="h4" id="approval">
            Approval
          </Title>
          <Text size="sm" className="inline">
            <Status value={stateOf(approval)} />
            {isOpen && (
              <span>
                lapses <Countdown to={approval.expiresAt} />
              </span>
            )}
          </Text>
        </Group>
        {approval.ending !== null && <Text>{approval.ending}</Text>}
        <Rules approval={approval} />
        <Votes approval={approval} />
        {approval.signOff !== null && <SignOffState signOff={approval.signOff} />}
        <Requesters approval={approval} />
        <Text size="sm" c="dimmed" className="breakable">
          Votes are for seal <code title={approval.seal}>{shortSeal(approval.seal)}</code>, by version{" "}
          {approval.rulesVersion} of the stack's rules. Before the change begins everything is previewed again
          and compared with it.
        </Text>
      </Column>
    </Paper>
  );
}

const STATES = {
  open: "votes missing",
  approved: "approved",
  begun: "approved",
  rejected: "rejected",
  expired: "expired",
  stale: "stale",
  cancelled: "cancelled",
} as const satisfies Record<Approval["state"], string>;

function stateOf({ state, missing, signOffMissing }: Approval) {
  return state === "open" && missing === 0 && signOffMissing ? "sign-off missing" : STATES[state];
}

function SignOffState({
  signOff: { brings, isMissing, signOffs, open, mayGive },
}: {
  signOff: AwaitedSignOff;
}) {
  const counting = signOffs.filter(({ why }) => why === null).map(({ principal }) => personOf(principal));
  const others = signOffs.filter(({ why }) => why !== null);
  return (
    <Column gap="xs">
      <Text size="sm">
        {isMissing
          ? `It waits for the sign-off of ${formatBrought(brings)}, by ${anyOf(mayGive)}.`
          : `Signed off for ${formatBrought(brings)}: ${counting.join(", ")}.`}
      </Text>
      {others.map(({ principal, why }) => (
        <Text size="sm" key={principal}>
          The sign-off by {personOf(principal)} does not count. {why}
        </Text>
      ))}
      {isMissing && (
        <DataTable
          caption="Not done on the checklist"
          rows={open}
          keyOf={({ name }) => name}
          columns={[
            { label: "State", cell: ({ state }) => <Status value={state} /> },
            { label: "What", wide: true, cell: ({ title }) => title },
            { label: "Detail", wide: true, cell: ({ detail }) => detail },
          ]}
          empty="Nothing on the checklist is open."
        />
      )}
    </Column>
  );
}

function Rules({ approval: { rules } }: { approval: Approval }) {
  return (
    <DataTable
      caption="What the stack asks for"
      rows={rules}
      keyOf={({ name }) => name}
      columns={[
        { label: "Rule", cell: ({ name }) => name },
        { label: "Votes", cell: ({ need, missing }) => `${need - missing} of ${need}` },
        {
          label: "By",
          cell: ({ by, automatic }) => (
            <>
              {by.map(personOf).join(", ") || "–"}
              {automatic !== null && <div className="note">{automatic.reason}</div>}
            </>
          ),
        },
        {
          label: "From",
          cell: ({ from }) => (from.length === 0 ? "whoever may deploy" : from.join(", ")),
        },
        {
          label: "May vote",
          wide: true,
          cell: ({ mayVote, missing }) => (missing === 0 ? "enough have" : anyOf(mayVote)),
        },
      ]}
      empty="No rule of the stack asks for votes."
    />
  );
}

function Votes({ approval: { votes } }: { approval: Approval }) {
  if (votes.length === 0) return null;
  return (
    <DataTable
      caption="Votes so far"
      rows={votes}
      keyOf={({ principal }) => principal}
      columns={[
        { label: "By", cell: ({ principal }) => personOf(principal) },
        {
          label: "Vote",
          cell: ({ verdict }) => <Status value={verdict === "approve" ? "approved" : "rejected"} />,
        },
        { label: "When", cell: ({ castAt }) => <Age at={castAt} /> },
        { label: "Counts", cell: ({ counts, why }) => (counts ? "yes" : `no: ${why ?? ""}`) },
        { label: "Comment", wide: true, cell: ({ comment }) => comment ?? "–" },
      ]}
      empty=""
    />
  );
}

function Requesters({ approval: { requesters } }: { approval: Approval }) {
  if (requesters.length === 0) return null;
  return (
    <Text size="sm">
      May not vote, for having a part in it:{" "}
      {[...Map.groupBy(requesters, ({ principal }) => principal)]
        .map(([principal, parts]) => `${personOf(principal)} (${parts.map(({ why }) => why).join(", ")})`)
        .join("; ")}
      .
    </Text>
  );
}
