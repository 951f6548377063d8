/** One line of a comparison; `skipped` stands for so many equal lines. */
export type DiffLine =
  | { readonly mark: "same" | "added" | "removed"; readonly text: string }
  | { readonly mark: "skipped"; readonly count: number };

/** Equal lines kept around each difference. */
const CONTEXT_LINES = 3;
/** Above this many comparisons of lines the two are shown whole, one after the other. */
const MOST_COMPARISONS = 250_000;

/** Both texts line by line: what is gone, what is new, and what stays around it; equal ones (their difference is hidden) whole. */
export function diffLines(before: readonly string[], after: readonly string[]): DiffLine[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head += 1;
  let tail = 0;
  const most = Math.min(before.length, after.length) - head;
  while (tail < most && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1;
  const same = (text: string): DiffLine => ({ mark: "same", text });
  return skipEqual([
    ...before.slice(0, head).map(same),
    ...middle(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...before.slice(before.length - tail).map(same),
  ]);
}

/** By the longest common subsequence. */
function middle(before: readonly string[], after: readonly string[]): DiffLine[] {
  const removed = (text: string): DiffLine => ({ mark: "removed", text });
  const added = (text: string): DiffLine => ({ mark: "added", text });
  if (before.length * after.length > MOST_COMPARISONS) return [...before.map(removed), ...after.map(added)];
  const width = after.length + 1;
  // lengths[i * width + j]: the longest one of before from i and after from j.
  const lengths = new Uint32Array((before.length + 1) * width);
  const at = (i: number, j: number): number => lengths[i * width + j] ?? 0;
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      lengths[i * width + j] =
        before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [old, now] = [before[i], after[j]];
    if (old !== undefined && old === now) {
      lines.push({ mark: "same", text: old });
      i += 1;
      j += 1;
    } else if (old !== undefined && (now === undefined || at(i + 1, j) >= at(i, j + 1))) {
      lines.push(removed(old));
      i += 1;
    } else if (now !== undefined) {
      lines.push(added(now));
      j += 1;
    }
  }
  return lines;
}

function skipEqual(lines: readonly DiffLine[]): DiffLine[] {
  if (lines.every(({ mark }) => mark === "same")) return [...lines];
  const kept = new Set<number>();
  lines.forEach((line, index) => {
    if (line.mark === "same") return;
    for (let near = index - CONTEXT_LINES; near <= index + CONTEXT_LINES; near += 1) kept.add(near);
  });
  const shown: DiffLine[] = [];
  let skipped = 0;
  const endSkipped = () => {
    if (skipped > 0) shown.push({ mark: "skipped", count: skipped });
    skipped = 0;
  };
  lines.forEach((line, index) => {
    if (!kept.has(index)) {
      skipped += 1;
      return;
    }
    endSkipped();
    shown.push(line);
  });
  endSkipped();
  return shown;
}
