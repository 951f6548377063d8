import { Button, Checkbox, Stack as Column, Text } from "@mantine/core";
import type { Delivery } from "@slipway/automation/contract";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import { Loading } from "../components/Loading.tsx";
import { PagedTable } from "../components/PagedTable.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { Status } from "../components/Status.tsx";
import { keyOf, notificationQueries } from "./queries.ts";

/** Messages and what became of them; what was given up can be sent again. */
export function Deliveries({ organisation }: { organisation: string }) {
  const [onlyDead, setOnlyDead] = useState(false);
  const client = useClient();
  const cache = useQueryClient();
  const resend = useMutation({
    mutationFn: (delivery: string) => client.resendDelivery({ params: { organisation, delivery } }),
    onSettled: () => cache.invalidateQueries({ queryKey: keyOf(organisation) }),
  });
  return (
    <Column gap="md">
      <Checkbox
        label="Only what was given up"
        checked={onlyDead}
        onChange={(event) => setOnlyDead(event.currentTarget.checked)}
      />
      {resend.error !== null && <ProblemAlert error={resend.error} />}
      <PagedTable<Delivery>
        query={useInfiniteQuery(
          notificationQueries.deliveries(client, organisation, onlyDead ? "dead" : undefined),
        )}
        caption="Messages, newest first"
        keyOf={(one) => one.id}
        columns={[
          { label: "When", cell: (one) => <Age at={one.createdAt} /> },
          { label: "To", cell: (one) => one.destination },
          {
            label: "Message",
            wide: true,
            cell: (one) => <Message organisation={organisation} delivery={one} />,
          },
          { label: "Status", cell: (one) => <Status value={one.status} /> },
          {
            label: "Do",
            cell: (one) =>
              one.status === "dead" ? (
                <Button
                  variant="default"
                  size="compact-sm"
                  aria-label={`Send again: ${one.what}`}
                  loading={resend.isPending && resend.variables === one.id}
                  onClick={() => resend.mutate(one.id)}
                >
                  Send again
                </Button>
              ) : (
                "–"
              ),
          },
        ]}
        empty={onlyDead ? "Nothing was given up." : "Nothing has been sent yet."}
      />
    </Column>
  );
}

function Message({ organisation, delivery }: { organisation: string; delivery: Delivery }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Text size="sm" className="breakable">
        {delivery.subject}: {delivery.what}
      </Text>
      {delivery.error !== null && (
        <Text size="sm" c="dimmed">
          {delivery.error}
        </Text>
      )}
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          {delivery.attempts} {delivery.attempts === 1 ? "try" : "tries"}
        </summary>
        {isOpen && <Tries organisation={organisation} id={delivery.id} />}
      </details>
    </>
  );
}

function Tries({ organisation, id }: { organisation: string; id: string }) {
  const read = useQuery(notificationQueries.delivery(useClient(), organisation, id));
  if (read.data === undefined)
    return read.error === null ? <Loading what="the tries" /> : <ProblemAlert error={read.error} />;
  const { tries, messageId } = read.data;
  return (
    <>
      <Text size="sm" className="breakable">
        Message {messageId}
      </Text>
      <ol>
        {tries.map((one) => (
          <li key={one.number}>
            <Age at={one.startedAt} />: {one.outcome}
            {one.statusCode === null ? "" : ` (${one.statusCode})`}
            {one.durationMs === null ? "" : `, ${one.durationMs} ms`}
            {one.error === null ? "" : `. ${one.error}`}
          </li>
        ))}
      </ol>
    </>
  );
}
