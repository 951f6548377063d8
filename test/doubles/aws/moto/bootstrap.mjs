// One function's process: takes invocations as lines of JSON on stdin, answers each with a line that begins with NUL on stdout; all else on stdout
// and stderr is the function's log. It ends when stdin does.
import path from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const folder = process.cwd();
const [file, name] = (process.env._HANDLER ?? "index.handler").split(/\.(?=[^.]+$)/);

const answer = (result) => process.stdout.write(`\n\0${JSON.stringify(result)}\n`);

function failure(thrown) {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const trace = (error.stack ?? "").split("\n");
  console.error(trace.join("\n"));
  return { errorType: error.name, errorMessage: error.message, trace };
}

async function load() {
  for (const ending of [".mjs", ".js", ".cjs"]) {
    const found = await import(pathToFileURL(path.join(folder, `${file}${ending}`)).href).catch((thrown) => {
      if (thrown?.code === "ERR_MODULE_NOT_FOUND" && String(thrown.url ?? "").endsWith(`/${file}${ending}`))
        return undefined;
      throw thrown;
    });
    const handler = found?.[name] ?? found?.default?.[name];
    if (typeof handler === "function") return handler;
    if (found !== undefined)
      throw Object.assign(new Error(`${file}.${name} is undefined or not exported`), {
        name: "Runtime.HandlerNotFound",
      });
  }
  throw Object.assign(new Error(`Cannot find module '${file}'`), { name: "Runtime.ImportModuleError" });
}

let handler;
for await (const line of createInterface({ input: process.stdin })) {
  const { payload, context, deadline, trace } = JSON.parse(line);
  process.env._X_AMZN_TRACE_ID = trace;
  try {
    handler ??= await load();
    const value = await handler(payload, {
      ...context,
      getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
    });
    answer({ value: value === undefined ? null : value });
  } catch (thrown) {
    answer({ failure: failure(thrown) });
    // A process whose module cannot be loaded is of no use to the next invocation.
    if (handler === undefined) process.exit(1);
  }
}
process.exit(0);
