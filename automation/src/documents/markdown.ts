/** A cell or a line of text that holds what people or programs wrote: on one line, and without what Markdown would take for its own. */
export function plain(text: string): string {
  return text
    .replaceAll(/\s+/g, " ")
    .trim()
    .replaceAll(/[\\`*_[\]<>|#]/g, "\\$&");
}

/** Text as it is, in code: a command, a name, an address. */
export function code(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.includes("`") ? `\`\` ${line} \`\`` : `\`${line}\``;
}

/** A table; a sentence in its place when there is no row. Cells are Markdown already. */
export function table(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  empty: string,
): string {
  if (rows.length === 0) return `${empty}\n`;
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\\\\|", "\\|")).join(" | ")} |`;
  return `${[line(heading), line(heading.map(() => "---")), ...rows.map(line)].join("\n")}\n`;
}

/** Commands to be run one after the other. */
export function commands(lines: readonly string[]): string {
  return `\`\`\`sh\n${lines.join("\n")}\n\`\`\`\n`;
}

/** A document of parts, with an empty line between them. */
export function document(parts: readonly string[]): string {
  return `${parts.map((part) => part.trimEnd()).join("\n\n")}\n`;
}

/** An instant as it is read everywhere; a dash for none. */
export function instant(at: Date | string | null): string {
  if (at === null) return "–";
  return `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
