/** What must never be seen, and the place in the history where it was. */
export interface Violation {
  invariant: string;
  detail: string;
  /** Of the entry in the history; its length when the end itself is wrong. */
  index: number;
}

/** What one entry did wrong; null when nothing. */
export type Found = Omit<Violation, "index"> | null;

export const wrong = (invariant: string, detail: string): Found => ({ invariant, detail });
