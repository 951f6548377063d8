import { clearInterval, setInterval } from "node:timers";
import { stripVTControlCharacters } from "node:util";
import { formatDuration, presentTense } from "../client/formats.ts";
import type { DeploymentProgress } from "../client/progress.ts";
import type { Output } from "./context.ts";
import type { painter } from "./output.ts";
import { clean } from "./output.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_INTERVAL_MS = 100;
/** More resources in flight than this are counted instead of listed. */
const MAX_ROWS = 12;
const DEFAULT_COLUMNS = 80;
const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";

/** The part at the bottom of a terminal that is drawn again and again; lines printed through it scroll above. */
export interface LiveRegion {
  print(lines: readonly string[]): void;
  show(progress: DeploymentProgress): void;
  /** Removes the region and gives the cursor back. */
  close(): void;
}

/** Opens a region on a terminal. `now` is the clock for elapsed times, in milliseconds. */
export function openLiveRegion(
  output: Output,
  paint: ReturnType<typeof painter>,
  now: () => number,
): LiveRegion {
  let shown = 0;
  let frame = 0;
  let progress: DeploymentProgress | null = null;

  const erase = () => {
    if (shown > 0) output.write(`\u001b[${shown}A\u001b[0J`);
    shown = 0;
  };
  const draw = () => {
    if (progress === null) return;
    const columns = output.columns || DEFAULT_COLUMNS;
    const spinner = paint("cyan", FRAMES[frame % FRAMES.length] ?? "");
    const lines = liveLines(progress, now(), columns - 4).map((line) => `  ${spinner} ${line}`);
    if (lines.length > 0) output.write(`${lines.join("\n")}\n`);
    shown = lines.length;
  };
  output.write(HIDE_CURSOR);
  const timer = setInterval(() => {
    frame += 1;
    erase();
    draw();
  }, FRAME_INTERVAL_MS);
  return {
    print(lines) {
      erase();
      for (const line of lines) output.write(`${line}\n`);
      draw();
    },
    show(next) {
      progress = next;
    },
    close() {
      clearInterval(timer);
      erase();
      output.write(SHOW_CURSOR);
    },
  };
}

/** What is in flight, one line each, cut to `width` so that no line wraps (a wrapped one could not be erased). */
export function liveLines(progress: DeploymentProgress, now: number, width: number): string[] {
  const step = progress.steps.find((one) => one.state === "running");
  const running = progress.resources.filter((one) => one.state === "started");
  const lines = running.slice(0, MAX_ROWS).map((one) => {
    const since = one.startedAt === null ? "" : ` ${formatDuration(now - Date.parse(one.startedAt))}`;
    return `${presentTense(one.operation)} ${one.resourceType} ${one.name}${since}`;
  });
  if (running.length > MAX_ROWS) lines.push(`and ${running.length - MAX_ROWS} more`);
  if (step === undefined) lines.push(progress.status === "queued" ? "queued" : "waiting");
  else {
    const last = progress.log.findLast((one) => one.step === step.name)?.line ?? "";
    const since = step.startedAt === null ? "" : ` ${formatDuration(now - Date.parse(step.startedAt))}`;
    lines.push(running.length > 0 || last === "" ? `${step.name}${since}` : `${step.name}${since}  ${last}`);
  }
  return lines.map((line) => cut(clean(line), width));
}

function cut(line: string, width: number): string {
  const plain = stripVTControlCharacters(line).replaceAll(/\s+/g, " ");
  return plain.length > width ? `${plain.slice(0, Math.max(0, width - 1))}…` : plain;
}
