import { Button, Stack as Column, Group, Paper, Text, Title } from "@mantine/core";
import type { Approval } from "@slipway/automation/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import { DataTable } from "../components/DataTable.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { Status } from "../components/Status.tsx";
import { queries } from "../queries.ts";
import { Countdown } from "./Countdown.tsx";
import { anyOf, personOf } from "./people.ts";
import { SignInToVote } from "./SignInToVote.tsx";
import { shortSeal, VoteForm } from "./VoteForm.tsx";

/** What has to be approved: by whom, who has, what is missing and until when, with the vote of whoever may. */
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
            <Status value={STATES[approval.state]} />
            {isOpen && (
              <span>
                lapses <Countdown to={approval.expiresAt} />
              </span>
            )}
          </Text>
        </Group>
        <Missing approval={approval} />
        {approval.ending !== null && <Text>{approval.ending}</Text>}
        {isOpen && <Mine approval={approval} />}
        <Rules approval={approval} />
        <Votes approval={approval} />
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

function Missing({ approval: { state, missing, rules } }: { approval: Approval }) {
  if (state !== "open") return null;
  const may = new Set(rules.filter((rule) => rule.missing > 0).flatMap(({ mayVote }) => mayVote));
  return (
    <Text role="status">
      {missing} {missing === 1 ? "vote is" : "votes are"} missing, of {anyOf([...may])}.
    </Text>
  );
}

/** The vote of the signed-in person, or why there is none to give. */
function Mine({ approval }: { approval: Approval }) {
  const client = useClient();
  const cache = useQueryClient();
  const who = useQuery(queries.whoami(client));
  const withdraw = useMutation({
    mutationFn: () => client.withdrawVote({ params: { id: approval.deploymentId } }),
    onSuccess: (answer) => {
      cache.setQueryData(["deployment", approval.deploymentId, "approval"], answer);
      void cache.invalidateQueries({ queryKey: ["approvals"] });
    },
  });
  const voted = approval.votes.some(({ principal }) => principal === who.data?.id);
  return (
    <>
      {approval.me.mayVote ? (
        <VoteForm key={String(voted)} approval={approval} />
      ) : (
        <>
          {approval.me.why !== null && <Text size="sm">{approval.me.why}</Text>}
          <SignInToVote />
        </>
      )}
      {voted && (
        <Group gap="sm">
          <Text size="sm">You have voted.</Text>
          <Button
            variant="default"
            size="compact-sm"
            loading={withdraw.isPending}
            onClick={() => withdraw.mutate()}
          >
            Withdraw my vote
          </Button>
        </Group>
      )}
      {withdraw.error !== null && <ProblemAlert error={withdraw.error} />}
    </>
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
      {requesters.map(({ principal, why }) => `${personOf(principal)} (${why})`).join(", ")}.
    </Text>
  );
}
