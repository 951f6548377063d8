import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type * as pulumi from "@pulumi/pulumi";
import * as provider from "@pulumi/pulumi/provider/index.js";

/*
 * The shelf provider: each item is a file in a folder, which a test can change or remove behind Pulumi's back. Every call that touches an item is a line in the folder's file
 * `calls`, so that what only looked and what changed something can be told apart afterwards. With a file `refuse` the shelf lets nobody in; with `slow` a read takes that many milliseconds, or until the file is gone.
 */
interface ItemInputs {
  shelf: string;
  text: unknown;
  /** Whatever else the program sets. */
  [name: string]: unknown;
}

const POLL_MS = 50;

/** What is in an item's file. `touched` is known to the shelf alone: no program sets it. */
interface Item {
  text: unknown;
  touched: number;
  /** The shelf answers the text as a secret, as providers do whose schema says so. */
  sealed?: boolean;
  /** What else the program has set, as it is now. */
  inputs?: Record<string, unknown>;
  /** What else the shelf alone knows. */
  outputs?: Record<string, unknown>;
  /** Inputs that the shelf does not tell of: it answers what it is asked about. */
  hidden?: string[];
}

/** How Pulumi marks secrets on the wire. */
const SECRET = "4dabf18193072939515e22adb298388d";
const SECRET_MARK = "1b47061264138c4ac30d75fd1eb44270";

function log(shelf: string, call: string, id: string): void {
  mkdirSync(shelf, { recursive: true });
  appendFileSync(path.join(shelf, "calls"), `${call} ${id}\n`);
}

function enter(shelf: string): void {
  const refusal = path.join(shelf, "refuse");
  if (existsSync(refusal)) throw new Error(readFileSync(refusal, "utf8").trim());
}

function fileOf(shelf: string, id: string): string {
  return path.join(shelf, `${id}.json`);
}

function put(id: string, { shelf, text, ...inputs }: ItemInputs): Item {
  const item: Item = { text, touched: 0, inputs };
  writeFileSync(fileOf(shelf, id), JSON.stringify(item));
  return item;
}

class ShelfProvider implements provider.Provider {
  readonly version = "0.0.1";

  async check(_urn: pulumi.URN, _olds: unknown, news: ItemInputs): Promise<provider.CheckResult> {
    return { inputs: news };
  }

  async diff(
    id: pulumi.ID,
    _urn: pulumi.URN,
    olds: ItemInputs,
    news: ItemInputs,
  ): Promise<provider.DiffResult> {
    log(news.shelf, "diff", id);
    const names = new Set(Object.keys(news));
    return { changes: [...names].some((name) => JSON.stringify(olds[name]) !== JSON.stringify(news[name])) };
  }

  async create(urn: pulumi.URN, inputs: ItemInputs): Promise<provider.CreateResult> {
    const id = urn.split("::").at(-1) ?? urn;
    log(inputs.shelf, "create", id);
    enter(inputs.shelf);
    return { id, outs: { ...inputs, touched: put(id, inputs).touched } };
  }

  async read(id: pulumi.ID, _urn: pulumi.URN, props: ItemInputs): Promise<provider.ReadResult> {
    log(props.shelf, "read", id);
    enter(props.shelf);
    const slow = path.join(props.shelf, "slow");
    const until = existsSync(slow) ? performance.now() + Number(readFileSync(slow, "utf8")) : 0;
    while (existsSync(slow) && performance.now() < until) await pause(POLL_MS);
    const file = fileOf(props.shelf, id);
    if (!existsSync(file)) return {};
    const item = JSON.parse(readFileSync(file, "utf8")) as Item;
    const text = item.sealed === true ? { [SECRET]: SECRET_MARK, value: item.text } : item.text;
    const told = Object.fromEntries((item.hidden ?? []).map((name) => [name, props[name]]));
    const inputs = { shelf: props.shelf, text, ...item.inputs, ...told };
    return { id, props: { ...inputs, touched: item.touched, ...item.outputs }, inputs };
  }

  async update(
    id: pulumi.ID,
    _urn: pulumi.URN,
    _olds: ItemInputs,
    news: ItemInputs,
  ): Promise<provider.UpdateResult> {
    log(news.shelf, "update", id);
    enter(news.shelf);
    return { outs: { ...news, touched: put(id, news).touched } };
  }

  async delete(id: pulumi.ID, _urn: pulumi.URN, props: ItemInputs): Promise<void> {
    log(props.shelf, "delete", id);
    enter(props.shelf);
    rmSync(fileOf(props.shelf, id), { force: true });
  }
}

await provider.main(new ShelfProvider(), process.argv.slice(2));
