import { Button, Stack as Column, Group, Text } from "@mantine/core";
import { formatMissing } from "@slipway/automation/client";
import type { Approval } from "@slipway/automation/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useClient } from "../api.ts";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { queries } from "../queries.ts";
import { MySignOff } from "./MySignOff.tsx";
import { SignInToVote } from "./SignInToVote.tsx";
import { VoteForm } from "./VoteForm.tsx";

/** What is missing, and vote and sign-off of the signed-in person, or why there is none to give. */
export function MyVote({ approval }: { approval: Approval }) {
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
  const mine = approval.votes.find(({ principal }) => principal === who.data?.id);
  const { missing, signOffMissing, state, me } = approval;
  const isOne = missing + (signOffMissing ? 1 : 0) === 1;
  return (
    <Column gap="sm">
      {state === "open" && (
        <Text role="status" fw={600}>
          {capitalised(formatMissing(approval))} {isOne ? "is" : "are"} missing.
        </Text>
      )}
      {mine !== undefined && (
        <Group gap="sm">
          <Text size="sm">You have voted: {mine.verdict}.</Text>
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
      {mine === undefined && me.mayVote && <VoteForm approval={approval} />}
      {approval.signOff !== null && me.maySignOff && (
        <MySignOff approval={approval} signOff={approval.signOff} />
      )}
      {mine === undefined && !me.mayVote && !me.maySignOff && (
        <>
          {me.why !== null && <Text size="sm">{me.why}</Text>}
          <SignInToVote />
        </>
      )}
      {withdraw.error !== null && <ProblemAlert error={withdraw.error} />}
    </Column>
  );
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
