import { Button, Stack as Column, Text, Title } from "@mantine/core";
import type { Candidate, ChecklistItem, Readiness, SignOff, StackPath } from "@slipway/automation/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useClient } from "../api.ts";
import { SignInToVote } from "../approvals/SignInToVote.tsx";
import { Age } from "../components/Age.tsx";
import { DataTable } from "../components/DataTable.tsx";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { Status } from "../components/Status.tsx";
import { readinessOf } from "./readiness-queries.ts";
import { SignOffForm } from "./SignOffForm.tsx";

/** The checklist of a stack for what it is to take next, what people tick, and its sign-off. */
export function ReadinessPanel({ stack }: { stack: StackPath }) {
  const client = useClient();
  const cache = useQueryClient();
  const query = readinessOf(client, stack);
  const read = useQuery(query);
  const keep = (answer: Readiness) => cache.setQueryData(query.queryKey, answer);
  const tick = useMutation({
    mutationFn: ({ name, done, candidate }: { name: string; done: boolean; candidate: Candidate }) =>
      client.tickReadiness({ params: stack, body: { ...choiceOf(candidate), item: name, done } }),
    onSuccess: keep,
  });
  const withdraw = useMutation({
    mutationFn: (signOff: string) => client.withdrawSignOff({ params: { ...stack, signOff } }),
    onSuccess: keep,
  });
  if (read.data === undefined)
    return read.error === null ? <Loading what="the checklist" /> : <ProblemAlert error={read.error} />;
  const { candidate, checklist, settings, signOffs, isSignedOff } = read.data;
  return (
    <Column gap="md">
      {read.error !== null && <ProblemAlert error={read.error} />}
      <Title order={2} size="h4">
        {titleOf(candidate)}
      </Title>
      <Text>
        {settings.required
          ? "An update of this stack waits until somebody without a part in it has signed off what it brings."
          : "This stack takes updates without a sign-off; an admin changes that with slipway readiness settings."}
      </Text>
      <SignInToVote />
      <DataTable
        caption="Checklist"
        rows={checklist}
        keyOf={({ name }) => name}
        columns={[
          { label: "State", cell: ({ state }) => <Status value={state} /> },
          { label: "What", wide: true, cell: ({ title }) => title },
          { label: "Detail", wide: true, cell: ({ detail }) => detail },
          { label: "By", cell: ({ kind, by }) => (kind === "automatic" ? "from records" : (by ?? "")) },
          {
            label: "People",
            cell: (item) =>
              item.kind === "manual" && candidate !== null ? (
                <TickButton
                  item={item}
                  isBusy={tick.isPending}
                  onTick={(done) => tick.mutate({ name: item.name, done, candidate })}
                />
              ) : null,
          },
        ]}
        empty="Nothing is on the checklist."
      />
      {tick.error !== null && <ProblemAlert error={tick.error} />}
      <Title order={2} size="h4">
        Sign-off
      </Title>
      <DataTable
        caption="Who signed it off"
        rows={signOffs}
        keyOf={({ id }) => id}
        columns={[
          { label: "By", cell: ({ by }) => by },
          { label: "When", cell: ({ at }) => <Age at={at} /> },
          { label: "Words", wide: true, cell: ({ comment }) => comment },
          {
            label: "Now",
            cell: (one: SignOff) =>
              one.withdrawnBy === null ? (
                <Button
                  variant="default"
                  size="xs"
                  disabled={withdraw.isPending}
                  onClick={() => withdraw.mutate(one.id)}
                >
                  Withdraw
                </Button>
              ) : (
                `withdrawn by ${one.withdrawnBy}`
              ),
          },
        ]}
        empty="Nobody has signed it off."
      />
      {withdraw.error !== null && <ProblemAlert error={withdraw.error} />}
      {candidate !== null && !isSignedOff && (
        <SignOffForm
          stack={stack}
          choice={choiceOf(candidate)}
          open={checklist.filter(({ state }) => state === "open" || state === "failed").length}
          onSigned={keep}
        />
      )}
    </Column>
  );
}

function TickButton({
  item,
  isBusy,
  onTick,
}: {
  item: ChecklistItem;
  isBusy: boolean;
  onTick: (done: boolean) => void;
}) {
  const done = item.state === "ok";
  const word = done ? "Take back" : "Done";
  return (
    <Button
      variant="default"
      size="xs"
      disabled={isBusy}
      aria-label={`${word}: ${item.title}`}
      onClick={() => onTick(!done)}
    >
      {word}
    </Button>
  );
}

/** Names the candidate that is shown, so that what came meanwhile is never signed off by mistake. */
function choiceOf(candidate: Candidate): { from: string; release: number } | { source: string } {
  return candidate.kind === "release"
    ? { from: candidate.stack, release: candidate.release }
    : { source: candidate.sourceDigest };
}

function titleOf(candidate: Candidate | null): string {
  if (candidate === null) return "Nothing is there to take next";
  return candidate.kind === "release"
    ? `For release ${candidate.release} of ${candidate.stack}`
    : "For a source that was previewed here";
}
