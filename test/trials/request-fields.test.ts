import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";

/*
 * T22: what can be asked for is read by somebody. Each field of each request and of slipway.yaml is taken out of its schema in memory, one by one: then a file of the
 * server or the worker must no longer compile. A field that can go unnoticed would be accepted, carried about and dropped.
 */

const ROOT = path.resolve(import.meta.dirname, "../..");
const SOURCE = path.join(ROOT, "automation/src");
const CONTRACT = path.join(SOURCE, "contract");
const SCHEMAS = [
  ...readdirSync(CONTRACT)
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .map((name) => path.join(CONTRACT, name)),
  path.join(SOURCE, "sources/slipway-yaml.ts"),
];
/** Entries of the product that act on requests; the CLI and the console only make them. */
const ENTRIES = ["server.ts", "worker.ts"].map((name) => path.join(SOURCE, name));
const LONGEST_MS = 3_600_000;

/** A property of a strict object: where it stands in its file. */
interface Field {
  name: string;
  file: string;
  start: number;
  end: number;
}

function fieldsOf(file: string): Field[] {
  const text = readFileSync(file, "utf8");
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: Field[] = [];
  const visit = (node: ts.Node, owner: string): void => {
    const named = ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) ? node.name.text : owner;
    if (ts.isCallExpression(node) && isStrictObject(node.expression)) {
      const [shape] = node.arguments;
      if (shape !== undefined && ts.isObjectLiteralExpression(shape)) {
        for (const property of shape.properties) {
          if (!ts.isPropertyAssignment(property) || !ts.isIdentifier(property.name)) continue;
          const comma = text.slice(property.end).match(/^\s*,/)?.[0].length ?? 0;
          found.push({
            name: `${named}.${property.name.text}`,
            file,
            start: property.getStart(),
            end: property.end + comma,
          });
        }
      }
    }
    node.forEachChild((child) => visit(child, named));
  };
  visit(source, "");
  return found;
}

function isStrictObject(callee: ts.Expression): boolean {
  return ts.isPropertyAccessExpression(callee) && callee.name.text === "strictObject";
}

/** The product's program, with one file at a time replaced. */
function openProgram(): { errorsWith(file: string, text: string): string[]; errors(): string[] } {
  const { config } = ts.readConfigFile(path.join(ROOT, "tsconfig.json"), ts.sys.readFile) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT);
  let replaced: { file: string; text: string; version: number } | undefined;
  let version = 0;
  const service = ts.createLanguageService({
    getScriptFileNames: () => ENTRIES,
    getScriptVersion: (file) => (file === replaced?.file ? `${replaced.version}` : "0"),
    getScriptSnapshot: (file) => {
      const text = file === replaced?.file ? replaced.text : ts.sys.readFile(file);
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
    },
    getCurrentDirectory: () => ROOT,
    getCompilationSettings: () => options,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    fileExists: ts.sys.fileExists,
    readFile: ts.sys.readFile,
    readDirectory: ts.sys.readDirectory,
    directoryExists: ts.sys.directoryExists,
    getDirectories: ts.sys.getDirectories,
  });
  /** Of files that act; stops at the first. */
  const errors = (): string[] => {
    const files = service.getProgram()?.getSourceFiles() ?? [];
    for (const { fileName } of files) {
      if (!fileName.startsWith(SOURCE) || fileName.startsWith(CONTRACT) || fileName === replaced?.file)
        continue;
      const [first] = service.getSemanticDiagnostics(fileName);
      if (first !== undefined)
        return [
          `${path.relative(ROOT, fileName)}: ${ts.flattenDiagnosticMessageText(first.messageText, " ")}`,
        ];
    }
    return [];
  };
  return {
    errors,
    errorsWith: (file, text) => {
      version += 1;
      replaced = { file, text, version };
      return errors();
    },
  };
}

test("T22: no field of a request or of slipway.yaml can be taken away without somebody missing it", {
  timeout: LONGEST_MS,
}, () => {
  const fields = SCHEMAS.flatMap(fieldsOf);
  expect(fields.length).toBeGreaterThan(80);
  const program = openProgram();
  expect(program.errors()).toEqual([]);
  // The control: a field that nobody reads is not missed.
  const requests = path.join(CONTRACT, "deployments.ts");
  const text = readFileSync(requests, "utf8");
  const grown = text.replace(
    "RequestDeployment = z.strictObject({",
    "RequestDeployment = z.strictObject({ unread: z.string().optional(),",
  );
  expect(grown).not.toBe(text);
  expect(program.errorsWith(requests, grown)).toEqual([]);

  const unread = fields.filter(({ name, file, start, end }) => {
    const text = readFileSync(file, "utf8");
    const errors = program.errorsWith(file, text.slice(0, start) + text.slice(end));
    console.log(`${name}: ${errors[0] ?? "NOBODY"}`);
    return errors.length === 0;
  });
  expect(unread.map(({ name }) => name)).toEqual([]);
});
