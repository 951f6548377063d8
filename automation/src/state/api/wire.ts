import { z } from "zod";
import { ProjectName, StackName } from "../../contract/identifiers.ts";
import { Tags } from "../../contract/stacks.ts";

/**
 * What the Pulumi CLI sends, apitype of its SDK. Only what Slipway reads is named, and unknown fields pass: a newer CLI adds some. Go leaves out what is
 * empty, and writes null for lists and maps that are nil.
 */
export const CreateStackRequest = z.object({
  stackName: StackName,
  tags: Tags.nullish(),
  teams: z.array(z.string()).nullish(),
  /** Where the stack's config is kept; only Pulumi Cloud has such a place. */
  config: z.unknown().optional(),
});

export const TagsRequest = Tags.nullable();

/** An empty name stays as it is. */
export const RenameStackRequest = z.object({
  newName: z.union([z.literal(""), StackName]).nullish(),
  newProject: z.union([z.literal(""), ProjectName]).nullish(),
});
