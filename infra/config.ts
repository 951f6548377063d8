import pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { ProgramPins } from "../automation/src/contract/aws/shipment.ts";
import { LOG_RETENTION_DAYS } from "./components/aws/log-retention.ts";
import { ARTIFACTS, globalNameOf, placeOf } from "./components/aws/place.ts";

/** Pulumi keeps config values as text; what is no text there is JSON. */
const JsonText = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: "custom", message: "must be JSON" });
    return z.NEVER;
  }
});

/** Keys that every stack has, by their full name. `Pulumi.<stack>.yaml` gives them their values. */
const common = {
  /** Shown in the user interface, and part of the API's health. */
  "strategyDesk:environment": z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, "must be a lower-case word"),
  /** Whether orders are simulated or real. */
  "strategyDesk:executionMode": z.enum(["paper", "live"]),
  "strategyDesk:logLevel": z.enum(["trace", "debug", "info", "warn", "error"]).default("info"),
  /** Feature flags of the user interface. */
  "strategyDesk:flags": JsonText.pipe(z.record(z.string(), z.boolean())).default({}),
};

export const LocalConfig = z.object({
  /** Where the stack's program deploys to. */
  "slipway:target": z.literal("local"),
  ...common,
  /** The stable port of the whole system; without it the keeper chooses one and keeps it. */
  "strategyDesk:port": z.coerce.number().int().min(1).max(65535).optional(),
  /** Name of the database and its role; one server may hold several stacks. */
  "strategyDesk:database": z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,62}$/, "must be a lower-case name")
    .optional(),
});
export type LocalConfig = z.infer<typeof LocalConfig>;

const Domain = z.string().regex(/^([a-z0-9-]+\.)+[a-z]{2,}$/, "must be a domain name");
const Switch = z.enum(["true", "false"]).transform((text) => text === "true");
const Count = z.coerce.number().int();

const ACCOUNT_DIGITS = 12;
/** Characters of a bucket's name. */
const MOST_OF_BUCKET = 63;

export const AwsConfig = z
  .object({
    "slipway:target": z.literal("aws"),
    ...common,
    /** The provider reads it as well. */
    "aws:region": z.string().regex(/^[a-z]{2}(-[a-z]+)+-[0-9]$/, "must be a region such as eu-central-1"),
    /** The versions that serve, as JSON; a deployment through Slipway says them by SLIPWAY_PINS instead. Default: none. */
    "slipway:pins": JsonText.pipe(ProgramPins).optional(),
    /** Another value makes a new version of each function that reads secrets. `slipway secrets populate` sets it. */
    "slipway:secretsEpoch": z
      .string()
      .regex(/^[\w.-]{1,64}$/, "must be a word of up to 64 characters")
      .default("0"),

    /** Whom to ask about a resource: on all of them, as the tag `owner`. */
    "strategyDesk:owner": z.string().min(1).max(128),
    /** `retiring`: protection from deletion is taken away, so that a destroy can follow. */
    "strategyDesk:protection": z.enum(["on", "retiring"]).default("on"),
    /** Name of the policy that no role of the stack can exceed; who deploys may make roles with it alone. Default: none. */
    "strategyDesk:permissionsBoundary": z
      .string()
      .regex(/^[\w+=,.@-]{1,128}$/, "must be the name of a policy")
      .optional(),

    /** Names of the user interface and of the API, both in the hosted zone `zone`. Default: those that AWS gives. */
    "strategyDesk:domain": Domain.optional(),
    "strategyDesk:apiDomain": Domain.optional(),
    "strategyDesk:zone": Domain.optional(),
    /** Whether the zone is made here; its name servers must then be entered at the registrar. */
    "strategyDesk:createZone": Switch.default(false),

    /** Addresses of the private network, when there is one. */
    "strategyDesk:networkCidr": z
      .string()
      .regex(
        /^(10\.\d{1,3}|172\.(1[6-9]|2\d|3[01])|192\.168)\.0\.0\/16$/,
        "must be a private block of 16 bits",
      )
      .default("10.20.0.0/16"),
    /** `nat`: functions inside of the network reach the internet, for about 35 US dollars a month. */
    "strategyDesk:egress": z.enum(["none", "nat"]).default("none"),

    "strategyDesk:cache": z.enum(["none", "redis"]).default("none"),
    "strategyDesk:cacheNodeType": z.string().startsWith("cache.").default("cache.t4g.micro"),
    /** From 2 on, one takes over when another fails. */
    "strategyDesk:cacheNodes": Count.min(1).max(6).default(1),
    /** `liveanalytics` is closed to accounts that did not use it before June 2025. */
    "strategyDesk:timeSeries": z.enum(["none", "liveanalytics", "influxdb"]).default("none"),
    "strategyDesk:influxInstanceType": z.string().startsWith("db.influx.").default("db.influx.medium"),
    /** GiB. */
    "strategyDesk:influxStorageGiB": Count.min(20).max(16_384).default(20),
    /** Days that daily backups are kept; 0: no plan. */
    "strategyDesk:backupDays": Count.min(0).max(3650).default(35),

    /** Days, one of those that CloudWatch knows. */
    "strategyDesk:logRetentionDays": Count.refine((days) => LOG_RETENTION_DAYS.includes(days), {
      error: `must be one of ${LOG_RETENTION_DAYS.join(", ")}`,
    }).default(90),
    /** Days that replaced files and packages can be restored: how far back a rollback goes. */
    "strategyDesk:rollbackDays": Count.min(7).max(3650).default(90),
    /** MiB of each function. */
    "strategyDesk:memoryMiB": Count.min(128).max(10_240).default(512),
    /** Requests a second that the API takes on the long run. */
    "strategyDesk:requestsPerSecond": Count.min(1).max(10_000).default(50),
    /** `managed`: rules of AWS and a limit for each address in front of the site, for about 8 US dollars a month and 0.60 for a million requests. */
    "strategyDesk:firewall": z.enum(["none", "managed"]).default("none"),
    /** Requests of one address within five minutes, beyond which the firewall turns it away. */
    "strategyDesk:firewallRequests": Count.min(10).max(2_000_000_000).default(2000),

    /** Who is told when something is wrong; each confirms one mail of AWS. */
    "strategyDesk:alertEmails": JsonText.pipe(z.array(z.email())).default([]),
    /** Whether all calls of the account's API are recorded: one stack of an account is enough. */
    "strategyDesk:trail": Switch.default(false),
    /** US dollars a month. Default: no budget. */
    "strategyDesk:monthlyBudgetUsd": z.coerce.number().positive().optional(),
  })
  .superRefine((config, context) => {
    const complain = (key: string, message: string) =>
      context.addIssue({ code: "custom", path: [key], message, input: undefined });
    const longest = globalNameOf(
      placeOf({
        environment: config["strategyDesk:environment"],
        region: config["aws:region"],
        accountId: "0".repeat(ACCOUNT_DIGITS),
        owner: "",
        keepsData: true,
      }),
      ARTIFACTS,
    );
    if (longest.length > MOST_OF_BUCKET) {
      const over = longest.length - MOST_OF_BUCKET;
      complain(
        "strategyDesk:environment",
        `is ${over} too long: with the account and the region it is part of a bucket's name, which has ${MOST_OF_BUCKET} characters at most`,
      );
    }
    const zone = config["strategyDesk:zone"];
    for (const key of ["strategyDesk:domain", "strategyDesk:apiDomain"] as const) {
      const domain = config[key];
      if (domain !== undefined && domain !== zone && !domain.endsWith(`.${zone}`)) {
        complain(key, "needs strategyDesk:zone, the hosted zone that it is in");
      }
    }
    // LiveAnalytics has no fixed endpoint inside of a network, and the function that asks the cache is inside.
    const asksBoth =
      config["strategyDesk:timeSeries"] === "liveanalytics" && config["strategyDesk:cache"] !== "none";
    if (asksBoth && config["strategyDesk:egress"] === "none") {
      complain(
        "strategyDesk:egress",
        "must be nat for the cache together with the time series liveanalytics",
      );
    }
  });
export type AwsConfig = z.infer<typeof AwsConfig>;

/** Every key that the program reads. */
export const Config = z.discriminatedUnion("slipway:target", [LocalConfig, AwsConfig], {
  error: (issue) => (issue.code === "invalid_union" ? "must be one of: local, aws" : undefined),
});
export type Config = z.infer<typeof Config>;

const KEYS = new Set([...Object.keys(LocalConfig.shape), ...Object.keys(AwsConfig.shape)]);

/** All of the program's config. Throws one error that lists every missing and every wrong key. */
export function readConfig(): Config {
  const given = [...KEYS].map((key) => {
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
