import { z } from "zod";
import type { Change } from "../audit/store.ts";
import type { PageRequest } from "../pagination.ts";

export const Strategy = z.object({
  id: z.string(),
  position: z.string(),
  name: z.string(),
  templateId: z.string(),
  symbol: z.string(),
  parameters: z.record(z.string(), z.number()),
  revision: z.number(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
export type Strategy = z.output<typeof Strategy>;
export type StrategyContent = Pick<Strategy, "name" | "symbol" | "parameters">;

export type StrategyStore = {
  /** Newest first; one more than the limit. */
  list(page: PageRequest): Promise<Strategy[]>;
  find(id: string): Promise<Strategy | undefined>;
  /** Throws NameTakenError. */
  insert(
    strategy: StrategyContent & { readonly id: string; readonly templateId: string },
    change: Change,
  ): Promise<Strategy>;
  /**
   * Puts what `decide` makes of the current content in its place; undefined when there is none. Of two changes of one revision the later one's `decide` gets what the
   * earlier one made. Throws NameTakenError, and what `decide` throws.
   */
  update(
    id: string,
    decide: (before: Strategy) => Promise<StrategyContent>,
    change: Change,
  ): Promise<Strategy | undefined>;
  /** False when there is none. */
  remove(id: string, change: Change): Promise<boolean>;
};
