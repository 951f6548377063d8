import pulumi from "@pulumi/pulumi";
import { z } from "zod";

/** Pulumi keeps config values as text; what is no text there is JSON. */
const JsonText = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: "custom", message: "must be JSON" });
    return z.NEVER;
  }
});

/** Every key that the program reads, by its full name. `Pulumi.<stack>.yaml` gives them their values. */
export const Config = z.object({
  /** Where the stack's program deploys to. `aws` is known by name and refused: it does not exist yet. */
  "slipway:target": z.literal("local", {
    error: (issue) =>
      issue.input === "aws" ? "the target aws is not there yet; use local" : "must be one of: local",
  }),
  /** Shown in the user interface, and part of the API's health. */
  "strategyDesk:environment": z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, "must be a lower-case word"),
  /** The stable port of the whole system; without it the keeper chooses one and keeps it. */
  "strategyDesk:port": z.coerce.number().int().min(1).max(65535).optional(),
  /** Whether orders are simulated or real. */
  "strategyDesk:executionMode": z.enum(["paper", "live"]),
  "strategyDesk:logLevel": z.enum(["trace", "debug", "info", "warn", "error"]).default("info"),
  /** Name of the database and its role; one server may hold several stacks. */
  "strategyDesk:database": z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,62}$/, "must be a lower-case name")
    .optional(),
  /** Feature flags of the user interface. */
  "strategyDesk:flags": JsonText.pipe(z.record(z.string(), z.boolean())).default({}),
});
export type Config = z.infer<typeof Config>;

/** All of the program's config. Throws one error that lists every missing and every wrong key. */
export function readConfig(): Config {
  const given = Object.keys(Config.shape).map((key) => {
    const [namespace = "", name = ""] = key.split(":");
    return [key, new pulumi.Config(namespace).get(name)];
  });
  return parseConfig(Object.fromEntries(given), pulumi.getStack());
}

/** Throws pulumi.RunError, of which the CLI shows the message alone. */
export function parseConfig(given: Readonly<Record<string, string | undefined>>, stack: string): Config {
  const parsed = Config.safeParse(given);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map(({ path: [key = "", ...inside], message }) => {
    const problem = given[String(key)] === undefined ? "is missing" : message;
    return `  ${[key, ...inside].map(String).join(".")}: ${problem}`;
  });
  throw new pulumi.RunError(
    [`The config of stack ${stack} cannot be used:`, ...lines, `Set values in Pulumi.${stack}.yaml.`].join(
      "\n",
    ),
  );
}
