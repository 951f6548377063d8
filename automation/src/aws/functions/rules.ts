import type { AwsManifest } from "../../contract/aws/manifest.ts";
import { SlipwayError } from "../../errors.ts";

/** A function of the manifest with the folder of its code. */
export interface PlannedFunction {
  name: string;
  folder: string;
}

/**
 * Which folder goes to which function: every function of the manifest has exactly one, and every folder is one of the manifest's. Throws `functions_mismatch`
 * that names all that do not fit: a function that nobody ships would serve old code for ever.
 */
export function planFunctions(
  folders: readonly PlannedFunction[],
  declared: AwsManifest["functions"],
): PlannedFunction[] {
  const names = folders.map(({ name }) => name);
  const wrong = [
    ...Object.keys(declared)
      .filter((name) => !names.includes(name))
      .map((name) => `${name} has no folder`),
    ...names
      .filter((name) => !Object.hasOwn(declared, name))
      .map((name) => `the folder ${name} is no function of the stack`),
    ...names
      .filter((name, index) => names.indexOf(name) !== index)
      .map((name) => `${name} has more than one folder`),
  ];
  if (wrong.length === 0) {
    return folders.toSorted((one, other) => (one.name < other.name ? -1 : 1));
  }
  throw new SlipwayError(
    "functions_mismatch",
    `What was built is not what the stack declares: ${wrong.join("; ")}.`,
    { remedy: "Let the build write one folder for each function of the stack's manifest." },
  );
}

/** Names of the wanted variables that a function's configuration does not have. */
function missingVariables(wanted: readonly string[], variables: Readonly<Record<string, string>>): string[] {
  return wanted.filter((name) => !Object.hasOwn(variables, name));
}

/** Throws `variables_missing`. Only names are told. */
export function requireVariables(
  functionName: string,
  wanted: readonly string[],
  variables: Readonly<Record<string, string>>,
): void {
  const missing = missingVariables(wanted, variables);
  if (missing.length === 0) return;
  throw new SlipwayError(
    "variables_missing",
    `Function ${functionName} lacks ${missing.length === 1 ? "the variable" : "the variables"} ${missing.join(", ")}.`,
    { remedy: "Give them to the function in the program, and deploy again." },
  );
}
