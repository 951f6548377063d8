import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type * as pulumi from "@pulumi/pulumi";
import * as provider from "@pulumi/pulumi/provider/index.js";

/*
 * The ledger provider: a real provider whose only effect is a line in a file. Whether an operation began and whether it took
 * effect can be read there afterwards, whatever was killed meanwhile.
 */
interface EntryInputs {
  /** Where the lines go. */
  ledger: string;
  text: string;
  /** How long each operation takes, in milliseconds. */
  delayMs: number;
  /** The operation that fails, if any: `create`, `update` or `delete`. */
  failsOn?: string;
}

async function operate(operation: string, inputs: EntryInputs): Promise<void> {
  append(inputs.ledger, `started ${operation} ${inputs.text}`);
  await pause(Number(inputs.delayMs));
  if (inputs.failsOn === operation) throw new Error(`the ledger refuses to ${operation} ${inputs.text}`);
  append(inputs.ledger, `finished ${operation} ${inputs.text}`);
}

function append(ledger: string, line: string): void {
  const file = openSync(ledger, "a");
  writeSync(file, `${line}\n`);
  fsyncSync(file);
  closeSync(file);
}

class LedgerProvider implements provider.Provider {
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
    return { changes: JSON.stringify(sorted(olds)) !== JSON.stringify(sorted(news)) };
  }

  async create(_urn: pulumi.URN, inputs: EntryInputs): Promise<provider.CreateResult> {
    await operate("create", inputs);
    return { id: inputs.text, outs: { ...inputs } };
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

function sorted(inputs: EntryInputs): [string, unknown][] {
  return Object.entries(inputs).sort(([a], [b]) => a.localeCompare(b));
}

await provider.main(new LedgerProvider(), process.argv.slice(2));
