import type { Logger } from "pino";
import { pino } from "pino";

export type { Logger };

/** Keys whose values are never written, wherever they stand one or two levels deep. */
const SECRET_KEYS = [
  "token",
  "password",
  "secret",
  "passphrase",
  "authorization",
  "cookie",
  "databaseUrl",
  "connectionString",
];

/** A JSON logger for one process. `name` is the process: server, worker, keeper, start. Writes to stdout. */
export function createLogger(name: string, level: string): Logger {
  return pino({
    name,
    level,
    redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: "[secret]" },
  });
}
