import { z } from "zod";

/** Pulumi's own rule for names, 1 to 100 characters; excludes `..`, `/`, a leading dash and NUL by construction. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/;
const name = (what: string) =>
  z
    .string()
    .regex(
      NAME,
      `${what} must be 1 to 100 letters, digits, '.', '_' or '-', and must not start with '.' or '-'`,
    )
    .refine((value) => !value.includes(".."), `${what} must not contain '..'`);

export const OrganisationName = name("an organisation name");
export type OrganisationName = z.infer<typeof OrganisationName>;
export const ProjectName = name("a project name");
export type ProjectName = z.infer<typeof ProjectName>;
export const StackName = name("a stack name");
export type StackName = z.infer<typeof StackName>;

/** Names one stack on every stack route. */
export const StackPath = z.strictObject({
  organisation: OrganisationName,
  project: ProjectName,
  stack: StackName,
});
export type StackPath = z.infer<typeof StackPath>;

export const Instant = z.iso.datetime();
/** `sha256:` and 64 hex digits; addresses content in the artifact store. */
export const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
export type Digest = z.infer<typeof Digest>;
export const Id = z.uuid();
export type Id = z.infer<typeof Id>;

/** Cursor pagination: `after` is the `next` of the page before; pages hold newest first. */
export const PageQuery = z.strictObject({
  after: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export type PageQuery = z.infer<typeof PageQuery>;
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), next: z.string().nullable() });
}
