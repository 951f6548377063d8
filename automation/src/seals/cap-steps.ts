import type { PlannedStep } from "../contract/previews.ts";

/** What a person can look through, and what a page can hold. */
export const MAX_STEPS = 5_000;
const MAX_TEXT_CHARACTERS = 16 * 1024 * 1024;

/** The steps to keep, as JSON text. What stays as it is goes first when there are too many. The order is that of the preview. */
export function capSteps(
  steps: readonly PlannedStep[],
  { maxSteps = MAX_STEPS, maxCharacters = MAX_TEXT_CHARACTERS } = {},
): { text: string; kept: number; truncated: boolean } {
  const isSame = (step: PlannedStep): boolean => step.operation === "same";
  const wanted =
    steps.length <= maxSteps
      ? steps
      : new Set([...steps.filter((step) => !isSame(step)), ...steps.filter(isSame)].slice(0, maxSteps));
  const texts: string[] = [];
  let characters = 0;
  let isShortened = false;
  for (const step of steps) {
    if (wanted instanceof Set && !wanted.has(step)) continue;
    const text = JSON.stringify(step);
    // Without its values a step is small, and that it is there matters more than what they are.
    const fits = characters + text.length <= maxCharacters;
    isShortened ||= !fits;
    texts.push(fits ? text : JSON.stringify({ ...step, changes: [] }));
    characters += texts.at(-1)?.length ?? 0;
  }
  const truncated = texts.length < steps.length || isShortened;
  return { text: `[${texts.join(",")}]`, kept: texts.length, truncated };
}
