import { Alert, Button, Stack as Column, Modal, Text, Textarea, Title } from "@mantine/core";
import type { Emergency } from "@slipway/automation/contract";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import { PagedTable } from "../components/PagedTable.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { queries } from "../queries.ts";
import { Countdown } from "./Countdown.tsx";
import { personOf } from "./people.ts";

/** Where votes were passed by, and whether somebody else has looked at it since; nothing while that never happened. */
export function Emergencies() {
  const client = useClient();
  const read = useInfiniteQuery(queries.emergencies(client));
  const who = useQuery(queries.whoami(client));
  const [reviewing, setReviewing] = useState<Emergency | null>(null);
  const first = read.data?.pages[0];
  if (first === undefined || first.items.length === 0) return null;
  return (
    <section aria-labelledby="emergencies">
      <Title order={2} size="h4" id="emergencies" mb="xs">
        Emergencies
      </Title>
      {first.unreviewed > 0 && (
        <Alert variant="default" className="alert-red" mb="sm" title={`${first.unreviewed} not reviewed`}>
          {first.overdue > 0
            ? `${first.overdue} of them beyond the time for it: whoever used them cannot use another one.`
            : "Somebody else than who used it has to look at each."}
        </Alert>
      )}
      <PagedTable
        query={read}
        caption="Deployments whose votes were passed by"
        keyOf={({ deploymentId }) => deploymentId}
        columns={[
          {
            label: "Deployment",
            cell: (one) => (
              <Link to="/deployments/$id" params={{ id: one.deploymentId }}>
                {one.project}/{one.stack}
              </Link>
            ),
          },
          { label: "By", cell: ({ principal }) => personOf(principal) },
          { label: "Why", wide: true, cell: (one) => <Why one={one} /> },
          { label: "When", cell: ({ requestedAt }) => <Age at={requestedAt} /> },
          {
            label: "Review",
            cell: (one) =>
              one.reviewedBy !== null ? (
                <>
                  {personOf(one.reviewedBy)}: {one.review}
                </>
              ) : one.principal === who.data?.id ? (
                <>
                  due <Countdown to={one.reviewDueAt} />, by somebody else
                </>
              ) : (
                <Button variant="default" size="compact-sm" onClick={() => setReviewing(one)}>
                  Review
                </Button>
              ),
          },
        ]}
        empty=""
      />
      {reviewing !== null && (
        <ReviewDialog key={reviewing.deploymentId} emergency={reviewing} onClose={() => setReviewing(null)} />
      )}
    </section>
  );
}

function Why({ one }: { one: Emergency }) {
  return (
    <>
      {one.reason}{" "}
      <a href={one.incident} target="_blank" rel="noreferrer">
        incident
      </a>
    </>
  );
}

function ReviewDialog({ emergency, onClose }: { emergency: Emergency; onClose: () => void }) {
  const [comment, setComment] = useState("");
  const client = useClient();
  const cache = useQueryClient();
  const review = useMutation({
    mutationFn: () =>
      client.reviewEmergency({ params: { id: emergency.deploymentId }, body: { comment: comment.trim() } }),
    onSuccess: () => {
      void cache.invalidateQueries({ queryKey: ["emergencies"] });
      onClose();
    },
  });
  return (
    <Modal opened onClose={onClose} title="Review an emergency" closeButtonProps={{ "aria-label": "Close" }}>
      <Column gap="md">
        <Text>
          {personOf(emergency.principal)}: {emergency.reason}
        </Text>
        <Textarea
          label="What the review came to"
          data-autofocus
          autosize
          minRows={2}
          value={comment}
          onChange={(event) => setComment(event.currentTarget.value)}
        />
        {review.error !== null && <ProblemAlert error={review.error} />}
        <Button loading={review.isPending} disabled={comment.trim() === ""} onClick={() => review.mutate()}>
          Record the review
        </Button>
      </Column>
    </Modal>
  );
}
