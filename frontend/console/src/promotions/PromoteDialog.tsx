import { Alert, Stack as Column, Modal, Select, Text } from "@mantine/core";
import type { PromotionPreview, Release, StackPath } from "@slipway/automation/contract";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useClient } from "../api.ts";
import { DialogFoot } from "../components/DialogFoot.tsx";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { useRequestDeployment } from "../stacks/use-request.ts";
import { differencesOf } from "./differences.ts";
import { promotionQueries } from "./queries.ts";

interface Props {
  /** The stack whose release is promoted. */
  readonly stack: StackPath;
  /** Null: closed. */
  readonly release: Release | null;
  readonly onClose: () => void;
}

/** Lets a person bring a good release to another stack, with what differs there. */
export function PromoteDialog({ stack, release, onClose }: Props) {
  return (
    <Modal
      opened={release !== null}
      onClose={onClose}
      title={`Promote release ${release?.number ?? ""} of ${stack.project}/${stack.stack}`}
      closeButtonProps={{ "aria-label": "Close" }}
    >
      {release !== null && <ChooseTarget stack={stack} release={release} onClose={onClose} />}
    </Modal>
  );
}

function ChooseTarget({ stack, release, onClose }: Props & { release: Release }) {
  const client = useClient();
  const stacks = useQuery(promotionQueries.stacks(client, stack));
  const order = useQuery(promotionQueries.environments(client, stack));
  const [chosen, setChosen] = useState<string | null>(null);
  const error = stacks.error ?? order.error;
  if (error !== null) return <ProblemAlert error={error} />;
  if (stacks.data === undefined || order.data === undefined) return <Loading what="the project's stacks" />;
  const others = stacks.data.items.map(({ name }) => name).filter((name) => name !== stack.stack);
  const names = order.data.stacks.map((one) => one.stack);
  const next = names[names.indexOf(stack.stack) + 1];
  const target = chosen ?? (next !== undefined && others.includes(next) ? next : (others[0] ?? null));
  if (target === null)
    return <Text>The project has no other stack. Create one first: then this release can go there.</Text>;
  return (
    <Column gap="md">
      <Select label="Promote to" data={others} value={target} onChange={setChosen} allowDeselect={false} />
      <PromoteForm
        key={target}
        target={{ ...stack, stack: target }}
        from={stack.stack}
        release={release}
        onClose={onClose}
      />
    </Column>
  );
}

function PromoteForm({
  target,
  from,
  release,
  onClose,
}: {
  target: StackPath;
  from: string;
  release: Release;
  onClose: () => void;
}) {
  const preview = useQuery(promotionQueries.promotion(useClient(), target, from, release.number));
  const [message, setMessage] = useState("");
  const send = useRequestDeployment(target, onClose);
  if (preview.data === undefined)
    return preview.error === null ? <Loading what="what differs" /> : <ProblemAlert error={preview.error} />;
  const { refusal } = preview.data;
  function submit(event: FormEvent) {
    event.preventDefault();
    const why = message.trim();
    send.mutate({
      operation: "update",
      promote: { stack: from, release: release.number },
      ...(why === "" ? {} : { message: why }),
    });
  }
  return (
    <form onSubmit={submit}>
      <Column gap="md">
        <Differences preview={preview.data} target={target.stack} />
        {refusal !== null && (
          <Alert color="red" title={refusal.detail}>
            {refusal.remedy}
          </Alert>
        )}
        <Text size="sm">
          The same source and artifacts are deployed, nothing is built anew; config is that of {target.stack}.
        </Text>
        <DialogFoot
          why={message}
          onWhy={setMessage}
          error={send.error}
          isPending={send.isPending}
          disabled={refusal !== null}
          onClose={onClose}
        >
          Promote to {target.stack}
        </DialogFoot>
      </Column>
    </form>
  );
}

function Differences({ preview, target }: { preview: PromotionPreview; target: string }) {
  return (
    <ul aria-label={`What differs from what ${target} runs`}>
      {differencesOf(preview, target).map((line) => (
        <li key={line}>
          <Text size="sm">{line}</Text>
        </li>
      ))}
    </ul>
  );
}
