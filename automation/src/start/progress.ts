import type { Clock } from "../clock.ts";

/** Prints what a start is doing. Several steps may run at once. */
export interface Progress {
  /** Runs a step, and prints when it ended and how long it took; a long one says every few seconds that it goes on. */
  step<T>(title: string, work: (note: (text: string) => void) => Promise<T>): Promise<T>;
  /** One line that stays. */
  line(text: string): void;
  /** Takes the line that shows running steps off a terminal. */
  close(): void;
}

export interface ProgressOutput {
  write(text: string): void;
  /** A terminal gets one line that is repainted; a pipe gets a new line every 10 s. */
  isTerminal: boolean;
  columns: number;
}

const REPAINT_MS = 250;
const REMIND_MS = 10_000;
/** A terminal shows a running step only once it is worth reading. */
const SHOW_AFTER_MS = 400;
const CLEAR_LINE = "\r\x1b[K";

interface Running {
  title: string;
  note: string;
  beganMs: number;
  remindedMs: number;
}

export function createProgress(output: ProgressOutput, clock: Clock): Progress {
  const running = new Set<Running>();
  let timer: NodeJS.Timeout | undefined;
  const line = (text: string) => output.write(`${output.isTerminal ? CLEAR_LINE : ""}${text}\n`);
  const tick = () => {
    const nowMs = clock.monotonicMs();
    if (output.isTerminal) output.write(`${CLEAR_LINE}${paint([...running], nowMs, output.columns)}`);
    else for (const step of running) remind(step, nowMs, line);
  };
  const close = () => {
    clearInterval(timer);
    timer = undefined;
    if (output.isTerminal) output.write(CLEAR_LINE);
  };
  return {
    line,
    close,
    step: async (title, work) => {
      const beganMs = clock.monotonicMs();
      const step: Running = { title, note: "", beganMs, remindedMs: beganMs };
      running.add(step);
      timer ??= setInterval(tick, REPAINT_MS);
      const took = () => elapsed(clock.monotonicMs() - beganMs);
      try {
        const result = await work((text) => {
          step.note = text;
        });
        line(`  done    ${title} (${took()})`);
        return result;
      } catch (error) {
        line(`  failed  ${title} (${took()})`);
        throw error;
      } finally {
        running.delete(step);
        if (running.size === 0) close();
      }
    },
  };
}

function paint(steps: readonly Running[], nowMs: number, columns: number): string {
  const shown = steps.filter((step) => nowMs - step.beganMs >= SHOW_AFTER_MS);
  const text = shown.map((step) => `${describe(step)} ${elapsed(nowMs - step.beganMs)}`).join(" | ");
  return `  ${text}`.slice(0, Math.max(0, columns - 1));
}

function remind(step: Running, nowMs: number, line: (text: string) => void): void {
  if (nowMs - step.remindedMs < REMIND_MS) return;
  step.remindedMs = nowMs;
  line(`  ...     ${describe(step)} (${elapsed(nowMs - step.beganMs)} so far)`);
}

function describe(step: Running): string {
  return step.note === "" ? step.title : `${step.title}: ${step.note}`;
}

/** "0.4 s", "12 s", "2 min 05 s". */
export function elapsed(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
}
