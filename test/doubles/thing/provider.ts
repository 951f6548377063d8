import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type * as pulumi from "@pulumi/pulumi";
import * as provider from "@pulumi/pulumi/provider/index.js";

/*
 * The thing provider: resources without any effect that go through whatever a resource can go through, as their inputs and the file
 * THING_WORLD say. Journals are recorded with it.
 */
interface ThingInputs {
  value: unknown;
  /** Another value makes it a new thing. */
  replace?: string;
  deleteFirst?: boolean;
  /** `create`, `update` or `delete`: throws. `half`: is created but not well. */
  failsOn?: string;
  delayMs?: number;
}

/** What happened to things behind the program's back, by id. */
interface World {
  lost?: string[];
  drifted?: Record<string, unknown>;
}

function world(): World {
  const file = process.env.THING_WORLD;
  return file === undefined ? {} : (JSON.parse(readFileSync(file, "utf8")) as World);
}

async function operate(operation: string, inputs: ThingInputs): Promise<void> {
  await pause(Number(inputs.delayMs ?? 0));
  if (inputs.failsOn === operation) throw new Error(`this thing fails on ${operation}`);
}

function outputsOf(inputs: ThingInputs): Record<string, unknown> {
  return { ...inputs, echo: inputs.value, largest: 9_007_199_254_740_991 };
}

class ThingProvider implements provider.Provider {
  readonly version = "0.1.0";

  async check(_urn: pulumi.URN, _olds: unknown, news: ThingInputs): Promise<provider.CheckResult> {
    return { inputs: news };
  }

  async diff(
    _id: pulumi.ID,
    _urn: pulumi.URN,
    olds: ThingInputs,
    news: ThingInputs,
  ): Promise<provider.DiffResult> {
    const isNew = olds.replace !== news.replace;
    return {
      changes: isNew || JSON.stringify(olds.value) !== JSON.stringify(news.value),
      replaces: isNew ? ["replace"] : [],
      deleteBeforeReplace: isNew && news.deleteFirst === true,
    };
  }

  async create(urn: pulumi.URN, inputs: ThingInputs): Promise<provider.CreateResult> {
    await operate("create", inputs);
    const id = [urn.split("::").at(-1), inputs.replace].filter((part) => part !== undefined).join("-");
    if (inputs.failsOn === "half") {
      const reasons = ["it never became ready"];
      throw Object.assign(new Error("created, but not well"), { id, properties: outputsOf(inputs), reasons });
    }
    return { id, outs: outputsOf(inputs) };
  }

  async read(id: pulumi.ID, _urn: pulumi.URN, props: ThingInputs): Promise<provider.ReadResult> {
    const { lost = [], drifted = {} } = world();
    if (lost.includes(id)) return {};
    const value = id in drifted ? drifted[id] : props.value;
    const inputs = { ...props, value };
    return { id, props: { ...inputs, echo: value }, inputs };
  }

  async update(
    _id: pulumi.ID,
    _urn: pulumi.URN,
    _olds: ThingInputs,
    news: ThingInputs,
  ): Promise<provider.UpdateResult> {
    await operate("update", news);
    return { outs: outputsOf(news) };
  }

  async delete(_id: pulumi.ID, _urn: pulumi.URN, props: ThingInputs): Promise<void> {
    await operate("delete", props);
  }
}

await provider.main(new ThingProvider(), process.argv.slice(2));
