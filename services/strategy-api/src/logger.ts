import type { Logger } from "pino";
import { pino } from "pino";

const SECRET_KEYS = ["password", "token", "secret", "apiKey", "authorization", "cookie", "databaseUrl"];

/** A JSON logger on stdout. Values under a secret's usual name are replaced, up to three levels deep. */
export function createLogger(level: string, destination?: { write(line: string): void }): Logger {
  const options = {
    name: "strategy-api",
    level,
    redact: {
      paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]),
      censor: "[secret]",
    },
    serializers: {
      // Query strings are left out: a token in a URL must not end up in the log.
      req: (request: { method: string; url: string }) => ({
        method: request.method,
        path: request.url.split("?", 1)[0],
      }),
    },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
