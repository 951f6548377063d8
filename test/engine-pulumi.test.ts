import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { AttemptContainment } from "../automation/src/engine/attempt.ts";
import type { PulumiRequest, RunnerMessage } from "../automation/src/engine/runner-protocol.ts";
import {
  LONG_DEADLINE_MS,
  linesOf,
  processesWith,
  pulumiPath,
  runAndCollect,
  type TestStack,
  temporaryFolder,
  testStack,
  until,
} from "./engine-support.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";

const pulumi = await pulumiPath();
const SECRET = "correct-horse-battery/staple+1";

let api: TestApi;
let folder: ReturnType<typeof temporaryFolder>;
let containment: AttemptContainment | undefined;

beforeAll(async () => {
  api = await startTestApi();
});

afterAll(() => api.close());

beforeEach(() => {
  folder = temporaryFolder();
});

afterEach(async () => {
  await containment?.close();
  containment = undefined;
  folder.remove();
});

async function start(program: string): Promise<{ stack: TestStack; attempt: AttemptContainment }> {
  const stack = await testStack(api, pulumi, folder.path, program);
  containment = await stack.open();
  return { stack, attempt: containment };
}

function plain(values: Record<string, string>): PulumiRequest["config"] {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [`trial:${key}`, { value }]));
}

function filesUnder(top: string): string[] {
  return readdirSync(top, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Whether the program has printed `text`. */
function says(message: RunnerMessage, text: string): boolean {
  return (
    message.type === "engine-event" && JSON.stringify(message.event.diagnosticEvent ?? "").includes(text)
  );
}

function kindsOf(messages: readonly RunnerMessage[]): string[] {
  return messages
    .flatMap((message) =>
      message.type === "engine-event"
        ? Object.keys(message.event).filter((key) => key !== "timestamp")
        : [message.type === "finished" ? "finished" : ""],
    )
    .filter((kind) => kind !== "");
}

describe("one stack through its life", () => {
  test("update, preview, refresh and destroy change the ledger and the state as they say", async () => {
    const { stack, attempt } = await start("ledger");
    const config = plain({ ledger: stack.ledger, texts: "a,b" });

    const preview = await runAndCollect(
      attempt,
      stack.request("preview", { config, planPath: stack.planPath }),
    );
    expect(preview.outcome).toMatchObject({
      status: "succeeded",
      changes: { create: 3 },
      errors: [],
    });
    expect(await stack.facts()).toBeUndefined();
    expect(linesOf(stack.ledger)).toEqual([]);
    expect(JSON.parse(readFileSync(stack.planPath, "utf8"))).toHaveProperty("resourcePlans");

    const update = await runAndCollect(
      attempt,
      stack.request("update", { config, planPath: stack.planPath }),
    );
    expect(update.outcome).toMatchObject({
      status: "succeeded",
      changes: { create: 3 },
    });
    expect((await stack.facts())?.outputs).toEqual({ texts: "a,b" });
    expect(linesOf(stack.ledger).toSorted()).toEqual([
      "finished create a",
      "finished create b",
      "started create a",
      "started create b",
    ]);
    const kinds = kindsOf(update.messages);
    expect(kinds.at(-1)).toBe("finished");
    expect(kinds.slice(0, -1)).toContain("summaryEvent");
    expect(kinds.at(-2)).toBe("cancelEvent");
    expect(
      update.messages.every((message) => message.type !== "engine-event" || !("sequence" in message.event)),
    ).toBe(true);

    const refresh = await runAndCollect(attempt, stack.request("refresh", { config }));
    expect(refresh.outcome).toMatchObject({ status: "succeeded" });
    expect((await stack.facts())?.outputs).toEqual({ texts: "a,b" });

    const replaced = await runAndCollect(
      attempt,
      stack.request("update", {
        config,
        options: {
          refresh: true,
          parallel: 2,
          message: "replace a",
          replace: [`urn:pulumi:${stack.name}::trial::ledger:index:Entry::a`],
          targets: [`urn:pulumi:${stack.name}::trial::ledger:index:Entry::a`],
        },
      }),
    );
    expect(replaced.outcome).toMatchObject({ status: "succeeded", changes: { replace: 1 } });

    const destroy = await runAndCollect(attempt, stack.request("destroy", { config }));
    expect(destroy.outcome).toMatchObject({ status: "succeeded", changes: { delete: 3 } });
    expect((await stack.facts())?.resources).toEqual([]);
    expect(linesOf(stack.ledger)).toContain("finished delete b");
  });

  test("an update that a plan does not allow fails and touches nothing", async () => {
    const { stack, attempt } = await start("ledger");
    const config = plain({ ledger: stack.ledger, texts: "a" });
    const preview = await runAndCollect(
      attempt,
      stack.request("preview", { config, planPath: stack.planPath }),
    );
    expect(preview.outcome.status).toBe("succeeded");

    const changed = plain({ ledger: stack.ledger, texts: "a", rename: "a" });
    const update = await runAndCollect(
      attempt,
      stack.request("update", { config: changed, planPath: stack.planPath }),
    );
    expect(update.outcome.status).toBe("failed");
    expect(update.outcome.errors.join("\n")).toContain("violates plan");
    expect(linesOf(stack.ledger)).toEqual([]);
  });

  test("events arrive while the update runs", async () => {
    const { stack, attempt } = await start("ledger");
    let early = false;
    const outcome = await attempt.run(
      stack.request("update", { config: plain({ ledger: stack.ledger, texts: "a", delayMs: "1500" }) }),
      (message) => {
        const isStart = message.type === "engine-event" && "resourcePreEvent" in message.event;
        if (isStart && !linesOf(stack.ledger).includes("finished create a")) early = true;
      },
    );
    expect(outcome.status).toBe("succeeded");
    expect(early).toBe(true);
  });

  test("a dynamic provider works", async () => {
    const { stack, attempt } = await start("dynamic");
    const update = await runAndCollect(attempt, stack.request("update", { config: plain({ who: "you" }) }));
    expect(update.outcome).toMatchObject({ status: "succeeded" });
    expect((await stack.facts())?.outputs).toEqual({ greeting: "hello you" });
  });
});

describe("secrets", () => {
  const secrets = (): string[] => [api.token, SECRET];

  test("are encrypted in the config file, marked in outputs, and opened by the CLI over several runs", async () => {
    const { stack, attempt } = await start("outputs");
    const config: PulumiRequest["config"] = {
      ...plain({ plain: "yes: [no]" }),
      "trial:secret": await stack.seal(SECRET),
    };
    const first = await runAndCollect(attempt, stack.request("update", { config, secrets: secrets() }));
    const expected = {
      plain: "yes: [no]",
      hidden: { secret: true },
      nested: { open: 1, closed: { secret: true } },
    };
    expect(first.outcome).toMatchObject({ status: "succeeded" });
    expect((await stack.facts())?.outputs).toEqual(expected);

    const second = await runAndCollect(attempt, stack.request("update", { config, secrets: secrets() }));
    expect(second.outcome).toMatchObject({ status: "succeeded", changes: { same: 1 } });
    expect((await stack.facts())?.outputs).toEqual(expected);
    const state = await stack.state();
    expect(state).toContain('"ciphertext"');
    expect(state).not.toContain(SECRET);
    expect(JSON.stringify([first.messages, second.messages])).not.toContain(SECRET);
  });

  test("that a program prints do not leave the runner, in whatever form", async () => {
    const { stack, attempt } = await start("prints-secret");
    const config: PulumiRequest["config"] = { "trial:secret": await stack.seal(SECRET) };
    const update = await runAndCollect(attempt, stack.request("update", { config, secrets: secrets() }));
    expect(update.outcome.status).toBe("succeeded");
    const said = JSON.stringify(update.messages);
    expect(said).toContain("split [secret]");
    expect(said).toContain("clear [secret]");
    expect(said).not.toContain(SECRET);
    expect(said).not.toContain(SECRET.slice(4, 20));
    for (const offset of [0, 1, 2]) {
      const inside = Buffer.from(`${"-".repeat(offset)}${SECRET}`)
        .toString("base64")
        .slice(4, 24);
      expect(said).not.toContain(inside);
    }
  });

  test("of another stack are not opened, and that is said", async () => {
    const { stack, attempt } = await start("outputs");
    const other = await testStack(api, pulumi, join(folder.path, "other"), "outputs");
    const config = { ...plain({ plain: "1" }), "trial:secret": await other.seal(SECRET) };
    const update = await runAndCollect(attempt, stack.request("update", { config, secrets: secrets() }));
    expect(update.outcome).toMatchObject({ status: "failed" });
    expect(update.outcome.errors.join()).toMatch(/cannot be opened|decrypt/);
  });

  test("leave no file behind in the attempt's folder or the work dir", async () => {
    const { stack, attempt } = await start("outputs");
    const config: PulumiRequest["config"] = {
      ...plain({ plain: "1" }),
      "trial:secret": await stack.seal(SECRET),
    };
    const seen: number[] = [];
    const configFiles = new Set<string>();
    const outcome = attempt.run(stack.request("update", { config, secrets: secrets() }), () => {
      for (const file of filesUnder(join(folder.path, "attempt-1"))) {
        if (!file.endsWith("config.yaml")) continue;
        seen.push(statSync(file).mode & 0o777);
        configFiles.add(readFileSync(file, "utf8"));
      }
    });
    expect((await outcome).status).toBe("succeeded");
    expect(new Set(seen)).toEqual(new Set([0o600]));
    expect([...configFiles].join()).toContain("secure: ");
    expect([...configFiles].join()).not.toContain(SECRET);
    expect(filesUnder(join(folder.path, "attempt-1")).map((file) => file.split("/").at(-1))).toEqual([
      "guardian.log",
    ]);
    expect(filesUnder(stack.workDir).filter((file) => file.includes("Pulumi."))).toHaveLength(1);
  });
});

describe("programs that go wrong", () => {
  test("a failing program's first failing line comes first", async () => {
    const { stack, attempt } = await start("fails");
    const update = await runAndCollect(attempt, stack.request("update"));
    expect(update.outcome).toMatchObject({ status: "failed" });
    expect(update.outcome.exitCode).toBeGreaterThan(0);
    expect(update.outcome.errors[0]).toContain("the database name is missing");
  });

  test("a failing provider is named with its reason", async () => {
    const { stack, attempt } = await start("ledger");
    const config = plain({ ledger: stack.ledger, texts: "a", failsOn: "create" });
    const update = await runAndCollect(attempt, stack.request("update", { config }));
    expect(update.outcome.status).toBe("failed");
    expect(update.outcome.errors.join("\n")).toContain("the ledger refuses to create a");
  });

  test("a missing plugin of the CLI or a missing CLI is a failed request with a reason", async () => {
    const { stack, attempt } = await start("outputs");
    const update = await runAndCollect(attempt, {
      ...stack.request("update"),
      pulumiPath: "/nowhere/pulumi",
    });
    expect(update.outcome).toMatchObject({ status: "failed", exitCode: null });
    expect(update.outcome.errors[0]).toContain("/nowhere/pulumi");
  });

  test("a hanging program that ignores signals ends by the ladder, and the containment is empty", async () => {
    const { stack, attempt } = await start("hangs");
    const running = attempt.run(stack.request("update"), (message) => {
      if (says(message, "hanging")) attempt.interrupt(2_000);
    });
    const outcome = await running.catch((error: unknown) => error);
    // Pulumi ends a program that does not heed the interrupt; where it does not, the ladder ends everything.
    if (outcome instanceof Error) expect(outcome).toMatchObject({ code: "containment_ended" });
    else expect(outcome).toMatchObject({ status: "interrupted" });
    await attempt.close();
    expect(processesWith(folder.path)).toEqual([]);
  });

  test("a grandchild in a session of its own is dead when the containment has ended", async () => {
    const { stack, attempt } = await start("detaches");
    const file = join(folder.path, "beat");
    const update = await runAndCollect(attempt, stack.request("update", { config: plain({ file }) }));
    expect(update.outcome.status).toBe("succeeded");
    await until("the grandchild writes", () => linesOf(file).length > 0);
    expect(await attempt.close()).toEqual({ reason: "closed", empty: true });
    const last = readFileSync(file, "utf8");
    await pause(300);
    expect(readFileSync(file, "utf8")).toBe(last);
  });

  test("a program that is killed half-way fails, and nothing it did not reach is deleted", async () => {
    const { stack, attempt } = await start("stops-half-way");
    const whole = await runAndCollect(
      attempt,
      stack.request("update", { config: plain({ ledger: stack.ledger }) }),
    );
    expect(whole.outcome.status).toBe("succeeded");
    const config = plain({ ledger: stack.ledger, dies: "true" });
    const half = await runAndCollect(attempt, stack.request("update", { config }));
    expect(half.outcome.status).toBe("failed");
    expect(linesOf(stack.ledger).filter((line) => line.includes("delete"))).toEqual([]);
  });

  test("a program that ends with 0 half-way on an interrupt deletes nothing and does not count as success", async () => {
    const { stack, attempt } = await start("stops-half-way");
    const config = plain({ ledger: stack.ledger });
    const whole = await runAndCollect(attempt, stack.request("update", { config }));
    expect(whole.outcome).toMatchObject({ status: "succeeded", changes: { create: 3 } });

    const half = await attempt.run(
      stack.request("update", { config: plain({ ledger: stack.ledger, waits: "true" }) }),
      (message) => {
        if (says(message, "half-way")) attempt.interrupt(10_000);
      },
    );
    expect(half.status).toBe("interrupted");
    expect(linesOf(stack.ledger).filter((line) => line.includes("delete"))).toEqual([]);
    expect(await stack.state()).toContain("Entry::second");
  });
});

describe("an effect in flight", () => {
  const DELAY_MS = 3_000;

  async function createInFlight(): Promise<{
    stack: TestStack;
    attempt: AttemptContainment;
    running: Promise<unknown>;
  }> {
    const { stack, attempt } = await start("ledger");
    const config = plain({ ledger: stack.ledger, texts: "a", delayMs: String(DELAY_MS) });
    const running = attempt
      .run(stack.request("update", { config }), () => undefined)
      .catch((error: unknown) => error);
    await until(
      "the create has begun",
      () => linesOf(stack.ledger).includes("started create a"),
      LONG_DEADLINE_MS,
    );
    return { stack, attempt, running };
  }

  test("does not happen once the containment has ended", async () => {
    const { stack, attempt, running } = await createInFlight();
    attempt.kill();
    expect(await attempt.ended).toEqual({ reason: "killed", empty: true });
    expect(await running).toMatchObject({ code: "containment_ended" });
    await pause(DELAY_MS + 500);
    expect(linesOf(stack.ledger)).toEqual(["started create a"]);

    // The killed CLI holds the stack for its time, with the operation under way; then nothing stands in the way.
    containment = await stack.open();
    const config = plain({ ledger: stack.ledger, texts: "a" });
    const early = await runAndCollect(containment, stack.request("update", { config }));
    expect(early.outcome).toMatchObject({ status: "failed" });
    expect(early.outcome.errors.join()).toContain("pulumi cancel");
    await stack.expire();
    const next = await runAndCollect(containment, stack.request("update", { config }));
    expect(next.outcome).toMatchObject({ status: "succeeded", errors: [] });
    expect(linesOf(stack.ledger)).toEqual(["started create a", "started create a", "finished create a"]);
  });

  test("does happen when nobody ends it", async () => {
    const { stack, running } = await createInFlight();
    expect(await running).toMatchObject({ status: "succeeded" });
    expect(linesOf(stack.ledger)).toEqual(["started create a", "finished create a"]);
  });

  test("is waited for after one interrupt, and leaves no pending operation", async () => {
    const { stack, attempt, running } = await createInFlight();
    attempt.interrupt(20_000);
    expect(await running).toMatchObject({ status: "interrupted" });
    expect(linesOf(stack.ledger)).toEqual(["started create a", "finished create a"]);
    expect((await stack.facts())?.pendingOperations).toEqual([]);
  });
});
