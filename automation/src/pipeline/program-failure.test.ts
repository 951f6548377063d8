import { describe, expect, it } from "vitest";
import { placeOfSyntaxError, readProgramFailure } from "./program-failure.ts";

const WORK = "/data/attempts/w/a/source";
const header = (file: string): string =>
  `Running program '${WORK}/${file}' failed with an unhandled exception:\n`;

describe("the first failing line of a program", () => {
  it("is the error after the topmost place in the project's own source", () => {
    const text = `${header("index.js")}Error: the moon is in the wrong house
    at check (/data/dependencies/x/node_modules/lib/index.js:3:1)
    at deep (file://${WORK}/parts/deep.js:4:9)
    at file://${WORK}/index.js:6:1
    at ModuleJob.run (node:internal/modules/esm/module_job:561:25)`;
    expect(readProgramFailure(text, WORK)).toEqual({
      said: "parts/deep.js:4: Error: the moon is in the wrong house",
      unplacedIn: null,
    });
  });

  it("keeps all lines of a message, and names the program when no place is known", () => {
    const text = `${header("infra/index.ts")}Error: two things:\n  - one\n  - two\n    at node:internal/main:1:1`;
    expect(readProgramFailure(text, WORK).said).toBe("infra/index.ts: Error: two things:\n  - one\n  - two");
  });

  it("of a syntax error is looked for in the program", () => {
    expect(readProgramFailure(`${header("index.js")}SyntaxError: Unexpected token '='`, WORK)).toEqual({
      said: "index.js: SyntaxError: Unexpected token '='",
      unplacedIn: "index.js",
    });
    expect(
      placeOfSyntaxError([`${WORK}/index.js:2`, "const = broken;", "      ^", "", "SyntaxError: x"], WORK),
    ).toBe("index.js:2");
    expect(placeOfSyntaxError([], WORK)).toBeNull();
  });

  it("of the engine itself stays as it is, without the path of the work dir", () => {
    const text = `error reading ${WORK}/Pulumi.yaml: no such file`;
    expect(readProgramFailure(text, WORK)).toEqual({
      said: "error reading Pulumi.yaml: no such file",
      unplacedIn: null,
    });
  });
});
