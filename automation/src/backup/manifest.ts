import { z } from "zod";

/** Version of the file's layout. */
export const FORMAT = 1;
const Name = z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/);

/** A table as the backup has it: rows in the text form of COPY, columns in this order. */
export const TableHead = z.strictObject({ name: Name, columns: z.array(Name).min(1) });
export type TableHead = z.infer<typeof TableHead>;

/** First part of a backup. */
export const Head = z.strictObject({
  format: z.literal(FORMAT),
  /** Of the Slipway that made it. */
  slipway: z.string(),
  schemaVersion: z.int().min(1),
  /** The instant whose rows these are, by the database's clock. */
  createdAt: z.iso.datetime(),
  postgres: z.string(),
  tables: z.array(TableHead),
  sequences: z.array(z.strictObject({ name: Name, last: z.string().regex(/^-?\d+$/), called: z.boolean() })),
  /** Wrapping keys that something in the database needs. */
  wrappingKeys: z.array(z.string()),
});
export type Head = z.infer<typeof Head>;

/** Key files, only in an encrypted backup. `default`: the data folder's secret.key; `configured`: the one that SLIPWAY_KEY names. */
export const Keys = z.strictObject({
  files: z.array(
    z.strictObject({ role: z.enum(["default", "configured"]), id: z.string(), content: z.string() }),
  ),
});
export type Keys = z.infer<typeof Keys>;

/** What there must be when the backup is read again. */
export const Counts = z.strictObject({
  stacks: z.int(),
  states: z.int(),
  secrets: z.int(),
  dataKeys: z.int(),
  deployments: z.int(),
  releases: z.int(),
  auditEntries: z.int(),
  artifacts: z.int(),
});
export type Counts = z.infer<typeof Counts>;

/** Last part: a backup without it was not finished. */
export const Manifest = z.strictObject({
  counts: Counts,
  rows: z.record(Name, z.int()),
  /** Every part but this one, by name: all its pieces in a row. */
  parts: z.record(z.string(), z.strictObject({ bytes: z.int(), sha256: z.string() })),
});
export type Manifest = z.infer<typeof Manifest>;
