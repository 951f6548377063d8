import type { Database } from "../database.ts";

/** Records that the artifact store holds a digest, so that deployments and releases can name it. Recording it again changes nothing. */
export async function recordArtifact(
  db: Database,
  artifact: { digest: string; kind: "source" | "service"; sizeBytes: number },
): Promise<void> {
  await db
    .insertInto("artifacts")
    .values({ digest: artifact.digest, kind: artifact.kind, size_bytes: artifact.sizeBytes })
    .onConflict((conflict) => conflict.column("digest").doNothing())
    .execute();
}
