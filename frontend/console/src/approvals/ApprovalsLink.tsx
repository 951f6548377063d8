import { VisuallyHidden } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useClient } from "../api.ts";
import { queries } from "../queries.ts";

/** The way to the approvals, with how many wait for the signed-in person. */
export function ApprovalsLink() {
  const { data } = useInfiniteQuery(queries.approvals(useClient(), "me"));
  const pages = data?.pages ?? [];
  const count = pages.reduce((sum, { items }) => sum + items.length, 0);
  const more = pages.at(-1)?.next != null;
  return (
    <Link to="/approvals" className="nav-link">
      Approvals
      {count > 0 && (
        <span className="nav-count">
          {count}
          {more && "+"}
          <VisuallyHidden> waiting for you</VisuallyHidden>
        </span>
      )}
    </Link>
  );
}
