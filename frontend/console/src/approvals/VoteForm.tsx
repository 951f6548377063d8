import { Alert, Button, Stack as Column, Group, Text, Textarea } from "@mantine/core";
import type { Approval } from "@slipway/automation/contract";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { useClient } from "../api.ts";
import { ProblemAlert } from "../components/ProblemAlert.tsx";

/** The vote of the signed-in person: for the seal that was shown when the form was, never for one that came since. */
export function VoteForm({ approval }: { approval: Approval }) {
  const [seen, setSeen] = useState(approval.seal);
  const [comment, setComment] = useState("");
  const client = useClient();
  const cache = useQueryClient();
  const hint = useId();
  const params = { id: approval.deploymentId };
  const vote = useMutation({
    mutationFn: (verdict: "approve" | "reject") => {
      const said = comment.trim();
      return client.castVote({
        params,
        body: { verdict, seal: seen, ...(said === "" ? {} : { comment: said }) },
      });
    },
    onSuccess: (answer) => {
      cache.setQueryData(["deployment", approval.deploymentId, "approval"], answer);
      void cache.invalidateQueries({ queryKey: ["approvals"] });
      void cache.invalidateQueries({ queryKey: ["deployment", approval.deploymentId] });
    },
  });
  const isDestroy = approval.operation === "destroy";
  const isSilent = comment.trim() === "";
  if (seen !== approval.seal)
    return (
      <Alert
        variant="default"
        className="alert-red"
        role="alert"
        title="What waits is not what you were shown"
      >
        <Column gap="sm" align="start">
          <Text size="sm">
            It was previewed again meanwhile and came to something else. Nothing was voted. Look at what it
            would do now, then decide.
          </Text>
          <Button
            variant="default"
            onClick={() => {
              vote.reset();
              setSeen(approval.seal);
            }}
          >
            I have looked at it again
          </Button>
        </Column>
      </Alert>
    );
  return (
    <Column gap="sm">
      <Textarea
        label="Comment"
        description={
          isDestroy
            ? "Needed: a destroy is only approved with a reason."
            : "Needed to reject; kept in the audit log."
        }
        autosize
        minRows={2}
        maxLength={2000}
        value={comment}
        onChange={(event) => setComment(event.currentTarget.value)}
      />
      <Group gap="sm">
        <Button
          loading={vote.isPending && vote.variables === "approve"}
          disabled={vote.isPending || (isDestroy && isSilent)}
          aria-describedby={hint}
          onClick={() => vote.mutate("approve")}
        >
          Approve
        </Button>
        <Button
          variant="default"
          loading={vote.isPending && vote.variables === "reject"}
          disabled={vote.isPending || isSilent}
          onClick={() => vote.mutate("reject")}
        >
          Reject
        </Button>
        <Text size="sm" c="dimmed" id={hint} className="breakable">
          for exactly what is shown here, seal <code title={seen}>{shortSeal(seen)}</code>
        </Text>
      </Group>
      {vote.error !== null && <ProblemAlert error={vote.error} />}
    </Column>
  );
}

const SHORT = 12;

/** The beginning of a digest, enough to tell two apart. */
export function shortSeal(seal: string): string {
  return seal.slice(seal.indexOf(":") + 1).slice(0, SHORT);
}
