/** Runs a launcher of the SDK in this process, with this process's own arguments, as if Node had been given its path. */
export function runSdkModule(name, require) {
  let path;
  try {
    path = require.resolve(name);
  } catch (error) {
    console.error(
      `${name} cannot be found from ${process.cwd()}: install the program's dependencies there. (${error.code})`,
    );
    process.exit(1);
  }
  process.argv[1] = path;
  require(path);
}
