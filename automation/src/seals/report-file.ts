import { readFile, rm } from "node:fs/promises";
import { z } from "zod";
import { PlannedStep } from "../contract/previews.ts";
import type { PreviewReport } from "../engine/planned-steps.ts";
import { SlipwayError } from "../errors.ts";

const Report = z.object({
  steps: z.array(PlannedStep),
  providers: z.array(
    z.object({
      urn: z.string(),
      name: z.string(),
      version: z.string().nullable(),
      secretProperties: z.array(z.string()),
    }),
  ),
  counts: z.record(z.string(), z.int()),
}) satisfies z.ZodType<PreviewReport>;

/** Reads what the runner wrote of a preview, and removes it. Throws SlipwayError `preview_unreadable`. */
export async function takeReport(path: string): Promise<PreviewReport> {
  try {
    return Report.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (cause) {
    throw new SlipwayError("preview_unreadable", "What the preview said cannot be read.", {
      cause,
      remedy: "Nothing was changed. Deploy again.",
    });
  } finally {
    await rm(path, { force: true });
  }
}
