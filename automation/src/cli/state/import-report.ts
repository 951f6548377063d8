/** What became of one stack. */
export type ImportOutcome = "imported" | "would be imported" | "already there" | "refused";

/** One line of the report of an import. */
export interface StackReport {
  /** Null: neither the layout nor the state names it. */
  readonly project: string | null;
  readonly stack: string;
  readonly outcome: ImportOutcome;
  /** Updates of the past. */
  readonly updates: number;
  /** States of the past that the source kept. */
  readonly states: number;
  readonly resources: number;
  /** `passphrase`, `awskms` ...; null when the state names none. */
  readonly secretsProvider: string | null;
  /** Why it was refused and what helps. */
  readonly reason: string | null;
  readonly remedy: string | null;
  /** What a person must know to go on with the stack. */
  readonly notes: readonly string[];
}

/** The report of a whole import, as --json prints it. */
export interface ImportReport {
  readonly source: string;
  readonly organisation: string;
  readonly dryRun: boolean;
  readonly stacks: readonly StackReport[];
}

/** How a secrets provider is shown: a cloud one by the scheme of its key's URL (awskms, gcpkms, azurekeyvault, hashivault). */
export function providerLabel(type: string | null, url: string | null): string | null {
  return type === "cloud" && url !== null ? (url.split("://", 1)[0] ?? type) : type;
}

/** The sentence after the table. */
export function summaryOf({ stacks, dryRun }: ImportReport): string {
  const count = (outcome: ImportOutcome): number => stacks.filter((one) => one.outcome === outcome).length;
  const parts = [
    dryRun ? `${count("would be imported")} would be imported` : `${count("imported")} imported`,
    `${count("already there")} already there`,
    `${count("refused")} refused`,
  ];
  return `${stacks.length === 1 ? "1 stack" : `${stacks.length} stacks`}: ${parts.join(", ")}.`;
}
