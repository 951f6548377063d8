/** A task of the plan, as the document of covered tasks has it. */
export interface ReportedTask {
  task: string;
  about: string;
  /** What the release's records say of it; null: it is about the product. */
  recorded: string | null;
  /** The files of tests that hold it. */
  heldBy: string[];
}

const COLUMNS = 5;

/** The tasks of a document of covered tasks (`slipway documents --kind coverage`). Throws when its table is not as that document has it. */
export function tasksOf(document: string): ReportedTask[] {
  const rows = document
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) =>
      line
        .slice(1, line.lastIndexOf("|"))
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replaceAll(/\\(.)/g, "$1")),
    )
    .filter(([task = ""]) => /^\d/.test(task));
  if (rows.length === 0 || rows.some((cells) => cells.length !== COLUMNS))
    throw new Error("the document of covered tasks has another form");
  return rows.map(([task = "", about = "", , heldBy = "", recorded = ""]) => ({
    task,
    about,
    recorded: recorded === "–" ? null : recorded,
    heldBy: [...heldBy.matchAll(/`([^`]+)`/g)].map(([, file = ""]) => file),
  }));
}

/** A task's line: its number, what it is about, and what was recorded of it in `release`, or which tests hold it. */
export function reportLine({ task, about, recorded, heldBy }: ReportedTask, release: string): string {
  const result = recorded === null ? `held by ${heldBy.join(", ")}` : `${recorded} (${release})`;
  return `${task.padEnd(5)} ${about} | ${result}`;
}
