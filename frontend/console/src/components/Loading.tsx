import { Skeleton, Stack, VisuallyHidden } from "@mantine/core";

/** In the place of what is being read. */
export function Loading({ what }: { what: string }) {
  return (
    <Stack gap="sm" role="status">
      <VisuallyHidden>Loading {what}</VisuallyHidden>
      <Skeleton height={20} width="60%" />
      <Skeleton height={20} />
      <Skeleton height={20} width="80%" />
    </Stack>
  );
}
