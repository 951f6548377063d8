import { Alert, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useClient } from "../api.ts";
import { queries } from "../queries.ts";

/** How many emergencies nobody has reviewed, above the list of all stacks; nothing while there are none. */
export function EmergencyNotice() {
  const { data } = useInfiniteQuery(queries.emergencies(useClient()));
  const counts = data?.pages[0];
  if (counts === undefined || counts.unreviewed === 0) return null;
  const { unreviewed, overdue } = counts;
  return (
    <Alert variant="default" className="alert-red" role="status">
      <Text size="sm">
        <strong>
          {unreviewed === 1 ? "One emergency is not reviewed" : `${unreviewed} emergencies are not reviewed`}
        </strong>
        {overdue > 0 && `, ${overdue} of them beyond the time for it`}.{" "}
        <Link to="/approvals">Look at them</Link>
      </Text>
    </Alert>
  );
}
