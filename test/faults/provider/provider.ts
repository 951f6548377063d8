import { randomUUID } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, writeSync } from "node:fs";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type * as pulumi from "@pulumi/pulumi";
import * as provider from "@pulumi/pulumi/provider/index.js";

/*
 * The ground truth of the fault trials: a real provider whose only effect is a line in a file. Every line carries the identity of the process that wrote it and the
 * machine's monotonic time, so that two writers that were at work at once can be told; an operation that is under way says so every few milliseconds.
 */
interface EntryInputs {
  /** Folder of the ledger. */
  folder: string;
  name: string;
  text: string;
}

const BEAT_MS = 50;
const writer = randomUUID();

function append(folder: string, kind: string, operation: string, inputs: EntryInputs): void {
  const file = openSync(path.join(folder, "ledger.jsonl"), "a");
  const atMs = Number(process.hrtime.bigint() / 1_000_000n);
  writeSync(
    file,
    `${JSON.stringify({ kind, operation, name: inputs.name, text: inputs.text, writer, atMs })}\n`,
  );
  fsyncSync(file);
  closeSync(file);
}

/** A file `hold-<operation>-<name>-<text>` in the folder keeps an operation under way. */
async function operate(operation: string, inputs: EntryInputs): Promise<void> {
  const { folder } = inputs;
  append(folder, "started", operation, inputs);
  while (existsSync(path.join(folder, `hold-${operation}-${inputs.name}-${inputs.text}`))) {
    await pause(BEAT_MS);
    append(folder, "alive", operation, inputs);
  }
  append(folder, "finished", operation, inputs);
}

class WitnessProvider implements provider.Provider {
  readonly version = "0.0.1";

  async check(_urn: pulumi.URN, _olds: unknown, news: EntryInputs): Promise<provider.CheckResult> {
    return { inputs: news };
  }

  async diff(
    _id: pulumi.ID,
    _urn: pulumi.URN,
    olds: EntryInputs,
    news: EntryInputs,
  ): Promise<provider.DiffResult> {
    return { changes: olds.text !== news.text };
  }

  async create(_urn: pulumi.URN, inputs: EntryInputs): Promise<provider.CreateResult> {
    await operate("create", inputs);
    return { id: inputs.name, outs: { ...inputs } };
  }

  async read(id: pulumi.ID, _urn: pulumi.URN, props: EntryInputs): Promise<provider.ReadResult> {
    return { id, props };
  }

  async update(
    _id: pulumi.ID,
    _urn: pulumi.URN,
    _olds: EntryInputs,
    news: EntryInputs,
  ): Promise<provider.UpdateResult> {
    await operate("update", news);
    return { outs: { ...news } };
  }

  async delete(_id: pulumi.ID, _urn: pulumi.URN, props: EntryInputs): Promise<void> {
    await operate("delete", props);
  }
}

await provider.main(new WitnessProvider(), process.argv.slice(2));
