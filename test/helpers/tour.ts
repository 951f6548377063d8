/** One block of commands in the README's tour, with the lines that the README promises it prints. */
export interface TourBlock {
  commands: string;
  /** The heading that it stands below. */
  chapter: string;
  expected: string[];
  /** From the fence's info string, `exit=N`; 0 when it says nothing. */
  exitCode: number;
}

const FENCE = /^```(\S*)(.*)$/;

/** The fenced blocks `sh tour`, or `sh` and another `mark`, of a Markdown text in order; a `text` block right after one holds the lines that it prints. */
export function tourBlocks(markdown: string, mark = "tour"): TourBlock[] {
  const blocks: TourBlock[] = [];
  let open: { language: string; info: string; lines: string[] } | undefined;
  let last: TourBlock | undefined;
  let chapter = "";
  for (const line of markdown.split("\n")) {
    const fence = FENCE.exec(line);
    if (open === undefined && fence !== null) {
      open = { language: fence[1] ?? "", info: fence[2] ?? "", lines: [] };
    } else if (open !== undefined && line === "```") {
      if (open.language === "sh" && open.info.split(" ").includes(mark)) {
        const exit = /\bexit=(\d+)/.exec(open.info);
        last = { commands: open.lines.join("\n"), chapter, expected: [], exitCode: Number(exit?.[1] ?? 0) };
        blocks.push(last);
      } else if (open.language === "text") {
        last?.expected.push(...open.lines.filter((text) => text.trim() !== ""));
        last = undefined;
      } else {
        last = undefined;
      }
      open = undefined;
    } else if (open !== undefined) {
      open.lines.push(line);
    } else {
      chapter = /^#+ (.+)$/.exec(line)?.[1] ?? chapter;
    }
  }
  return blocks;
}

/** The promised lines that the output lacks. `…` in a line stands for anything within a line. */
export function missingLines(expected: readonly string[], output: string): string[] {
  return expected.filter((line) => {
    const pattern = line
      .trim()
      .split("…")
      .map((part) =>
        part
          .trim()
          .replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")
          .replaceAll(/\s+/g, "[ \\t]+"),
      )
      .join(".*");
    return !new RegExp(pattern, "m").test(output);
  });
}
