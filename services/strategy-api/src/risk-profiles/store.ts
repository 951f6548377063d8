import { z } from "zod";
import type { Change } from "../audit/store.ts";
import type { PageRequest } from "../pagination.ts";

export const RiskProfile = z.object({
  id: z.string(),
  position: z.string(),
  name: z.string(),
  maxPositionPercent: z.number(),
  stopLossPercent: z.number().nullable(),
  maxDrawdownPercent: z.number().nullable(),
  revision: z.number(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
export type RiskProfile = z.output<typeof RiskProfile>;
export type RiskLimits = Pick<RiskProfile, "maxPositionPercent" | "stopLossPercent" | "maxDrawdownPercent">;
export type RiskProfileContent = RiskLimits & { readonly name: string };

export type RiskProfileStore = {
  /** Newest first; one more than the limit. */
  list(page: PageRequest): Promise<RiskProfile[]>;
  find(id: string): Promise<RiskProfile | undefined>;
  /** Throws NameTakenError. */
  insert(profile: RiskProfileContent & { readonly id: string }, change: Change): Promise<RiskProfile>;
  /**
   * Puts what `decide` makes of the current content in its place; undefined when there is none. Of two changes of one revision the later one's `decide` gets what the
   * earlier one made. Throws NameTakenError, and what `decide` throws.
   */
  update(
    id: string,
    decide: (before: RiskProfile) => Promise<RiskProfileContent>,
    change: Change,
  ): Promise<RiskProfile | undefined>;
  /** False when there is none. */
  remove(id: string, change: Change): Promise<boolean>;
};
