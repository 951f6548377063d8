import { createRequire } from "node:module";
import { join } from "node:path";

/**
 * Finds a module of the SDK as the program itself would find it, so that the program's own version of the SDK runs.
 * Returns the absolute path of the file; throws an Error with what to do when the SDK is not installed there.
 */
export function locateSdkModule(module: string, programDirectory: string): string {
  const require = createRequire(join(programDirectory, "package.json"));
  try {
    return require.resolve(module);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "MODULE_NOT_FOUND") {
      throw new Error(
        `The package @pulumi/pulumi cannot be found from ${programDirectory}. Install the program's dependencies ` +
          "there (pulumi install, or npm install) and try again.",
        { cause: error },
      );
    }
    throw error;
  }
}
