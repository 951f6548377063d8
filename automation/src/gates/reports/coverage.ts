import type { CoverageCheck } from "../../contract/gates.ts";
import { readReport, unreadable } from "./report-file.ts";
import { countIn, readXml } from "./xml.ts";

/** How much of what there is was reached. */
export interface Share {
  covered: number;
  found: number;
}
/** A kind of which the report says nothing has `found: 0`. */
export interface Coverage {
  lines: Share;
  branches: Share;
  functions: Share;
}

/** Reads a coverage report of lcov or Cobertura. Throws `report_unreadable`. */
export async function readCoverage(folder: string, { file, format }: CoverageCheck): Promise<Coverage> {
  const kind = format ?? (await formatOf(folder, file));
  return kind === "lcov"
    ? readLcov(readReport(folder, file), file)
    : readCobertura(readReport(folder, file), file);
}

async function formatOf(folder: string, file: string): Promise<"lcov" | "cobertura"> {
  for await (const chunk of readReport(folder, file)) {
    if (/^\uFEFF?\s*</.test(chunk)) return "cobertura";
    if (/^\s*(TN|SF|VER):/.test(chunk)) return "lcov";
    break;
  }
  throw unreadable(`${file} begins like no report of lcov or Cobertura`);
}

/** geninfo(1): records of a source file each, ended by `end_of_record`. Totals of a record go before its single lines. */
async function readLcov(chunks: AsyncIterable<string>, file: string): Promise<Coverage> {
  const total: Coverage = nothing();
  let record: Record<string, number> = {};
  let lines: Share = { covered: 0, found: 0 };
  let isOpen = false;
  for await (const line of linesOf(chunks)) {
    const [key = "", value = ""] = split(line);
    if (key === "end_of_record") {
      add(total.lines, record.LF === undefined ? lines : { covered: record.LH ?? 0, found: record.LF });
      add(total.branches, { covered: record.BRH ?? 0, found: record.BRF ?? 0 });
      add(total.functions, { covered: record.FNH ?? 0, found: record.FNF ?? 0 });
      record = {};
      lines = { covered: 0, found: 0 };
      isOpen = false;
    } else if (key === "SF") isOpen = true;
    else if (key === "DA") add(lines, { covered: Number(value.split(",")[1]) > 0 ? 1 : 0, found: 1 });
    else if (/^(LF|LH|BRF|BRH|FNF|FNH)$/.test(key)) record[key] = count(value, key, file);
  }
  if (isOpen) throw unreadable(`${file} ends in the middle of a record`);
  return total;
}

/** The totals of the root element; without them, what its lines say. */
async function readCobertura(chunks: AsyncIterable<string>, file: string): Promise<Coverage> {
  const total = nothing();
  const lines: Share = { covered: 0, found: 0 };
  let isCoverage = false;
  let inMethods = 0;
  await readXml(chunks, file, {
    open(name, attributes, depth) {
      if (depth === 1 && name === "coverage") {
        isCoverage = true;
        for (const [kind, covered, valid] of [
          ["lines", "lines-covered", "lines-valid"],
          ["branches", "branches-covered", "branches-valid"],
        ] as const) {
          const found = countIn(attributes, valid);
          if (found !== undefined) total[kind] = { covered: countIn(attributes, covered) ?? 0, found };
        }
      }
      // A method's lines stand among those of its class again.
      if (name === "methods") inMethods += 1;
      if (name === "line" && inMethods === 0)
        add(lines, { covered: (countIn(attributes, "hits") ?? 0) > 0 ? 1 : 0, found: 1 });
    },
    close(name) {
      if (name === "methods") inMethods -= 1;
    },
  });
  if (!isCoverage) throw unreadable(`${file} is no report of Cobertura: its root is not <coverage>`);
  if (total.lines.found === 0) total.lines = lines;
  return total;
}

async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield line.trim();
  }
  if (rest !== "") yield rest.trim();
}

function split(line: string): [string, string] {
  const colon = line.indexOf(":");
  return colon < 0 ? [line, ""] : [line.slice(0, colon), line.slice(colon + 1)];
}

function count(text: string, key: string, file: string): number {
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw unreadable(`${file} says ${key}:${text.slice(0, 50)}, which is no count`);
}

function nothing(): Coverage {
  return {
    lines: { covered: 0, found: 0 },
    branches: { covered: 0, found: 0 },
    functions: { covered: 0, found: 0 },
  };
}

function add(sum: Share, { covered, found }: Share): void {
  sum.covered += covered;
  sum.found += found;
}
