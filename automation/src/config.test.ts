import path from "node:path";
import { expect, test } from "vitest";
import { readKeeperConfig, readServerConfig, readStartConfig, readWorkerConfig } from "./config.ts";
import { SlipwayError } from "./errors.ts";
import { defaultKeySettings } from "./secrets/key-settings.ts";

const root = path.resolve(import.meta.dirname, "../..");

test("no configuration at all is a complete configuration of npm start", () => {
  expect(readStartConfig({})).toEqual({
    root,
    dataDir: path.join(root, ".slipway"),
    logLevel: "info",
    host: "127.0.0.1",
    port: 7420,
    databaseUrl: undefined,
    keeperDatabaseUrl: undefined,
    drainMs: 10_000,
    keys: defaultKeySettings(path.join(root, ".slipway")),
  });
});

test("an empty variable counts as not set", () => {
  expect(readStartConfig({ SLIPWAY_PORT: "", DATABASE_URL: "" })).toEqual(readStartConfig({}));
});

test("every wrong variable is named with what is expected, and no value is shown", () => {
  const read = () =>
    readServerConfig({ SLIPWAY_PORT: "seventy", DATABASE_URL: "hunter2", SLIPWAY_LOG_LEVEL: "loud" });
  expect(read).toThrow(SlipwayError);
  expect(read).toThrow(/SLIPWAY_PORT: a number/);
  expect(read).toThrow(/DATABASE_URL: must start with postgres:\/\//);
  expect(read).toThrow(/SLIPWAY_LOG_LEVEL: trace, debug/);
  expect(read).not.toThrow(/hunter2|seventy|loud/);
});

test("the worker and the keeper each say which connection string is missing", () => {
  expect(() => readWorkerConfig({})).toThrow(/DATABASE_URL: .*not set.*SLIPWAY_SERVER_URL: .*not set/s);
  expect(() => readKeeperConfig({ DATABASE_URL: "postgres://a/b" })).toThrow(
    /SLIPWAY_KEEPER_DATABASE_URL: .*not set/,
  );
});

const worker = {
  DATABASE_URL: "postgres://a/b",
  SLIPWAY_SERVER_URL: "http://s",
  SLIPWAY_PULUMI_PATH: "/pulumi",
};

test("a worker may know several servers", () => {
  const { serverUrls } = readWorkerConfig({
    ...worker,
    SLIPWAY_SERVER_URL: "http://a:1/, https://b.example",
  });
  expect(serverUrls).toEqual(["http://a:1", "https://b.example"]);
  for (const wrong of ["a:1", "http://a:1,,http://b", "ftp://a", "http://a:1, b"])
    expect(() => readWorkerConfig({ ...worker, SLIPWAY_SERVER_URL: wrong })).toThrow(
      /SLIPWAY_SERVER_URL: a URL/,
    );
});

test.each([
  [undefined, 30 * 60_000],
  ["90s", 90_000],
  ["30m", 30 * 60_000],
  ["24h", 24 * 3_600_000],
  ["0s", 0],
])("a worker that is told %s as SLIPWAY_DRAIN lets attempts run for %i ms", (text, ms) => {
  expect(readWorkerConfig({ ...worker, SLIPWAY_DRAIN: text }).drainMs).toBe(ms);
});

test("a worker takes two attempts at once, or as many as SLIPWAY_CONCURRENCY says", () => {
  expect(readWorkerConfig(worker).concurrency).toBe(2);
  expect(readWorkerConfig({ ...worker, SLIPWAY_CONCURRENCY: "5" }).concurrency).toBe(5);
  for (const wrong of ["0", "65", "1.5", "many"])
    expect(() => readWorkerConfig({ ...worker, SLIPWAY_CONCURRENCY: wrong })).toThrow(
      /SLIPWAY_CONCURRENCY: a whole number from 1 to 64/,
    );
});

test.each(["30", "m", "1.5h", "-1s", "25h", "1d", "90 s", "999999h"])(
  "SLIPWAY_DRAIN %s is no duration, and what is expected is said",
  (text) => {
    for (const read of [readWorkerConfig, readStartConfig])
      expect(() => read({ ...worker, SLIPWAY_DRAIN: text })).toThrow(
        /SLIPWAY_DRAIN: a duration such as 90s, 30m/,
      );
  },
);

test("paths are taken from the repository, wherever the process was started", () => {
  const config = readServerConfig({ DATABASE_URL: "postgres://a/b", SLIPWAY_DATA_DIR: "elsewhere" });
  expect(config.dataDir).toBe(path.join(root, "elsewhere"));
  expect(config.ownerTokenFile).toBe(path.join(root, "elsewhere", "owner-token"));
  expect(config.projectRoots).toEqual([root]);
});

test.each([
  ["file", { provider: "file", file: "/data/secret.key" }],
  ["file:/keys/slipway.key", { provider: "file", file: "/keys/slipway.key" }],
  ["file:keys/a.key", { provider: "file", file: path.join(root, "keys/a.key") }],
  [
    "aws-kms:arn:aws:kms:eu-central-1:123456789012:key/mrk-0a1b",
    { provider: "aws-kms", arn: "arn:aws:kms:eu-central-1:123456789012:key/mrk-0a1b" },
  ],
  ["vault:transit/slipway", { provider: "vault", mount: "transit", key: "slipway" }],
  ["vault:team/transit/slipway", { provider: "vault", mount: "team/transit", key: "slipway" }],
])("SLIPWAY_KEY %s names a key", (text, choice) => {
  const { keys } = readStartConfig({ SLIPWAY_KEY: text, SLIPWAY_DATA_DIR: "/data" });
  expect(keys.choice).toEqual(choice);
});

test.each([
  "kms",
  "aws-kms:alias/mine",
  "aws-kms:arn:aws:kms:eu-central-1:123456789012:alias/mine",
  "vault:slipway",
  "vault:../slipway",
  "vault:transit/../../sys/seal",
])("SLIPWAY_KEY %s names none, and is not shown", (text) => {
  const read = () => readStartConfig({ SLIPWAY_KEY: text });
  expect(read).toThrow(/SLIPWAY_KEY: file, file:<path>, aws-kms:<key ARN> or vault/);
  expect(read).not.toThrow(text === "kms" ? "kms." : text);
});

test("SLIPWAY_ENGINE_ENV passes on what it names, and nothing that engines are made of", () => {
  const worker = {
    DATABASE_URL: "postgres://a/b",
    SLIPWAY_SERVER_URL: "http://127.0.0.1:1",
    HOME: "/home/me",
  };
  const read = (names: string) =>
    readWorkerConfig({
      ...worker,
      AWS_PROFILE: "shop",
      AWS_REGION: "",
      OTHER: "x",
      SLIPWAY_ENGINE_ENV: names,
    }).engineVariables;
  expect(read("")).toEqual({});
  expect(read("AWS_REGION, OTHER")).toEqual({ OTHER: "x" });
  // Engines have a home of their own, in which no profile is.
  expect(read("AWS_PROFILE")).toEqual({
    AWS_PROFILE: "shop",
    AWS_CONFIG_FILE: "/home/me/.aws/config",
    AWS_SHARED_CREDENTIALS_FILE: "/home/me/.aws/credentials",
  });
  for (const name of ["PATH", "PULUMI_ACCESS_TOKEN", "SLIPWAY_KEY", "LD_PRELOAD", "a b"])
    expect(() => read(name), name).toThrow(/SLIPWAY_ENGINE_ENV: names of variables/);
});
