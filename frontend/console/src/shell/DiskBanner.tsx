import { Alert, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useClient } from "../api.ts";
import { queries } from "../queries.ts";

const MEGABYTE = 1024 * 1024;

/** Says above every page that new work is refused for want of space. */
export function DiskBanner() {
  const { data } = useQuery(queries.disk(useClient()));
  if (data === undefined || !data.low) return null;
  const why = data.databaseFull
    ? "The disk of the database is full."
    : `The server's disk has ${Math.floor(data.freeBytes / MEGABYTE)} MB free; new work needs ${Math.floor(data.minimumBytes / MEGABYTE)} MB.`;
  return (
    <Alert color="red" role="status" mb="md">
      <Text size="sm">
        <strong>New deployments and imports are refused.</strong> {why} What runs goes on. Free space with{" "}
        <code>slipway retention run</code>, or enlarge the disk.
      </Text>
    </Alert>
  );
}
