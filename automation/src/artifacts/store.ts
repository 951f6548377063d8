import { sql } from "kysely";
import type { Database } from "../database.ts";

/** Of one chunk of a content; what one statement carries and a reader holds in memory. */
export const CHUNK_BYTES = 1024 * 1024;
/** Whoever stores the same content waits so long for another that does; a whole archive takes seconds. */
const LONGEST_WAIT_MS = 60_000;
/** Between two statements of one who stores: Postgres ends the transaction of a machine that is gone. */
const LONGEST_SILENCE_MS = 20_000;

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

/** What a digest was recorded as; undefined when no deployment has named it. */
export async function artifactKind(db: Database, digest: string): Promise<"source" | "service" | undefined> {
  const row = await db.selectFrom("artifacts").select("kind").where("digest", "=", digest).executeTakeFirst();
  return row?.kind;
}

/** The stored bytes of a digest, as they are described beside their chunks. */
export interface StoredContent {
  digest: string;
  /** SHA-256 of the bytes themselves, as `sha256:` and hex digits. */
  contentSha256: string;
  sizeBytes: number;
  chunks: number;
}

/**
 * The content of a digest, and that it is wanted: what was wanted within the last hour is removed by nobody. Undefined when it is not stored.
 */
export async function findContent(db: Database, digest: string): Promise<StoredContent | undefined> {
  const { rows } = await sql<StoredContent & { isFresh: boolean }>`
    select digest, content_sha256 as "contentSha256", size_bytes as "sizeBytes", chunks,
      used_at > now() - interval '1 hour' as "isFresh"
    from artifact_contents where digest = ${digest}`.execute(db);
  const [row] = rows;
  if (row === undefined) return undefined;
  const { isFresh, ...content } = row;
  if (isFresh) return content;
  // A statement of its own: it waits for whoever is removing the content, and then finds nothing to say that of.
  const { rows: wanted } = await sql`
    update artifact_contents set used_at = now() where digest = ${digest} returning digest`.execute(db);
  return wanted.length === 0 ? undefined : content;
}

/** Which of the digests are stored. */
export async function storedDigests(db: Database, digests: readonly string[]): Promise<Set<string>> {
  if (digests.length === 0) return new Set();
  const rows = await db
    .selectFrom("artifact_contents")
    .select("digest")
    .where("digest", "in", [...digests])
    .execute();
  return new Set(rows.map((row) => row.digest));
}

/**
 * Stores a content with its chunks in one transaction. Two who store the same at once: the later waits for the earlier, and then stores nothing. Answers whether this call
 * stored it.
 */
export function insertContent(
  db: Database,
  content: Omit<StoredContent, "chunks">,
  chunks: AsyncIterable<Buffer>,
): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    await sql`select set_config('lock_timeout', ${String(LONGEST_WAIT_MS)}, true),
      set_config('idle_in_transaction_session_timeout', ${String(LONGEST_SILENCE_MS)}, true)`.execute(trx);
    const inserted = await trx
      .insertInto("artifact_contents")
      .values({
        digest: content.digest,
        content_sha256: content.contentSha256,
        size_bytes: content.sizeBytes,
        chunks: Math.ceil(content.sizeBytes / CHUNK_BYTES),
      })
      .onConflict((conflict) => conflict.column("digest").doNothing())
      .returning("digest")
      .executeTakeFirst();
    if (inserted === undefined) return false;
    let position = 0;
    for await (const body of chunks) {
      await trx.insertInto("artifact_chunks").values({ digest: content.digest, position, body }).execute();
      position += 1;
    }
    return true;
  });
}

/** One chunk's bytes; undefined when it is not there. */
export async function readChunk(db: Database, digest: string, position: number): Promise<Buffer | undefined> {
  const row = await db
    .selectFrom("artifact_chunks")
    .select("body")
    .where("digest", "=", digest)
    .where("position", "=", position)
    .executeTakeFirst();
  return row?.body;
}
