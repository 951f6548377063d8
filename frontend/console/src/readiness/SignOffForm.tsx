import { Button, Stack as Column, Text, Textarea } from "@mantine/core";
import type { Readiness, StackPath } from "@slipway/automation/contract";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { useClient } from "../api.ts";
import { ProblemAlert } from "../components/ProblemAlert.tsx";

/** The sign-off of the signed-in person, for what was shown when the form was; it waits until nothing on the checklist is open. `open`: how many items are. */
export function SignOffForm({
  stack,
  choice,
  open,
  onSigned,
}: {
  stack: StackPath;
  choice: { from: string; release: number } | { source: string };
  open: number;
  onSigned: (answer: Readiness) => void;
}) {
  const [comment, setComment] = useState("");
  const client = useClient();
  const hint = useId();
  const sign = useMutation({
    mutationFn: () => client.signOff({ params: stack, body: { ...choice, comment: comment.trim() } }),
    onSuccess: onSigned,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    sign.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Column gap="sm" align="start">
        <Textarea
          label="What you looked at"
          description="Needed; kept in the audit log."
          autosize
          minRows={2}
          maxLength={2000}
          w="30rem"
          maw="100%"
          value={comment}
          onChange={(event) => setComment(event.currentTarget.value)}
        />
        <Button
          type="submit"
          loading={sign.isPending}
          disabled={open > 0 || comment.trim() === ""}
          aria-describedby={hint}
        >
          Sign off
        </Button>
        <Text size="sm" c="dimmed" id={hint}>
          {open > 0
            ? `${open} ${open === 1 ? "item of the checklist is" : "items of the checklist are"} not done yet.`
            : "For exactly what is shown here."}
        </Text>
        {sign.error !== null && <ProblemAlert error={sign.error} />}
      </Column>
    </form>
  );
}
