import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import type { DataKey } from "../secrets/envelope.ts";
import { DATA_KEY_BYTES, keyVersionOf, openWith } from "../secrets/envelope.ts";
import { fileKey } from "../secrets/file-key.ts";
import { InstallationKey, isFormatOne } from "../secrets/installation-key.ts";
import type { KeySettings } from "../secrets/key-settings.ts";
import type { WrappingKey } from "../secrets/wrapping-key.ts";
import { dataKeyContext, installationKeyContext } from "../secrets/wrapping-key.ts";
import { checkCanary, openKnown } from "../secrets/wrapping-keys.ts";
import { ContentDigests } from "./content-digests.ts";
import { bytesOfField, type CopyRow, CopyRows } from "./copy-text.ts";
import { damagedBackup } from "./damaged.ts";
import type { Counts, Head } from "./manifest.ts";
import { Keys, Manifest } from "./manifest.ts";
import type { OpenedBackup, Piece } from "./read-parts.ts";
import { headOf, parsed } from "./read-parts.ts";

/** What a backup was found to hold. */
export interface Examined {
  head: Head;
  counts: Counts;
  rows: Readonly<Record<string, number>>;
  keys: Keys["files"];
}

/**
 * Reads a backup from its beginning to its end: every digest, every wrapping key with its canary, every data key, every config secret and every state are opened, and counted
 * against what the database had. Writes nothing. Keys that are not in the file come from `settings`. Throws SlipwayError `backup_damaged`, `key_unavailable`, `key_wrong`.
 */
export async function examineBackup(backup: OpenedBackup, settings: KeySettings): Promise<Examined> {
  let head: Head | undefined;
  let keys: Keys["files"] = [];
  let manifest: Manifest | undefined;
  let sealed: SealedParts | undefined;
  let table: { name: string; rows: CopyRows } | undefined;
  for await (const piece of backup.pieces()) {
    head ??= headOf(piece);
    if (piece.part === "keys") keys = parsed(Keys, piece.body, "keys").files;
    if (piece.part === "manifest") manifest = parsed(Manifest, piece.body, "manifest");
    const name = tableOf(piece);
    if (name === null) continue;
    sealed ??= new SealedParts(head, keys, settings);
    if (!sealed.reads(name)) continue;
    if (table?.name !== name) table = { name, rows: new CopyRows() };
    for (const row of table.rows.add(piece.body)) await sealed.row(name, row);
  }
  if (head === undefined || manifest === undefined || sealed === undefined)
    throw damagedBackup("it is empty");
  sealed.compare(manifest.counts);
  return { head, counts: manifest.counts, rows: manifest.rows, keys };
}

/** The table that a piece holds rows of; null for another part. */
export function tableOf({ part }: Piece): string | null {
  return part.startsWith("tables/") ? part.slice("tables/".length) : null;
}

const READ: ReadonlySet<string> = new Set([
  "wrapping_keys",
  "data_keys",
  "installation_keys",
  "artifact_contents",
  "artifact_chunks",
  "stack_config",
  "states",
]);

/** Opens what is sealed in the rows of a backup, which come with the tables of keys first. */
class SealedParts {
  readonly #head: Head;
  readonly #files: Keys["files"];
  readonly #settings: KeySettings;
  readonly #wrapping = new Map<string, WrappingKey>();
  readonly #dataKeys = new Map<string, DataKey>();
  readonly #found = { states: 0, secrets: 0, dataKeys: 0, canaries: 0 };
  readonly #contents = new ContentDigests();
  #installation: InstallationKey | undefined;

  constructor(head: Head, files: Keys["files"], settings: KeySettings) {
    this.#head = head;
    this.#files = files;
    this.#settings = settings;
  }

  reads(table: string): boolean {
    return READ.has(table);
  }

  async row(table: string, row: CopyRow): Promise<void> {
    const columns = this.#head.tables.find(({ name }) => name === table)?.columns ?? [];
    const field = (name: string): string | null => row[columns.indexOf(name)] ?? null;
    const bytes = (name: string): Buffer => bytesOfField(field(name));
    const text = (name: string): string => field(name) ?? "";
    switch (table) {
      case "wrapping_keys": {
        const id = text("id");
        if (!this.#head.wrappingKeys.includes(id)) return;
        await checkCanary(await this.#wrappingKey(id), bytes("canary"));
        this.#found.canaries += 1;
        return;
      }
      case "data_keys": {
        const [stackId, version] = [text("stack_id"), Number(text("version"))];
        const wrappedBy = await this.#wrappingKey(text("wrapping_key"));
        const key = await wrappedBy.unwrap(dataKeyContext(stackId, version), bytes("wrapped"));
        if (key.length !== DATA_KEY_BYTES) throw damagedBackup("a data key has another length");
        this.#dataKeys.set(`${stackId}/${version}`, { stackId, version, key });
        this.#found.dataKeys += 1;
        return;
      }
      case "installation_keys": {
        const wrappedBy = await this.#wrappingKey(text("wrapping_key"));
        const clear = await wrappedBy.unwrap(installationKeyContext(text("name")), bytes("wrapped"));
        this.#installation = InstallationKey.from(clear);
        return;
      }
      case "artifact_contents":
        this.#contents.expect(text("digest"), text("content_sha256"), Number(text("chunks")));
        return;
      case "artifact_chunks":
        this.#contents.add(text("digest"), Number(text("position")), bytes("body"));
        return;
      case "stack_config": {
        if (text("secret") !== "t") return;
        const [stackId, sealed] = [text("stack_id"), bytes("ciphertext")];
        if (!isFormatOne(sealed)) openWith(this.#dataKey(stackId, sealed), "config", sealed);
        else if (this.#installation === undefined)
          throw damagedBackup("the installation's own key is missing");
        else this.#installation.open({ stackId, key: text("key") }, sealed);
        this.#found.secrets += 1;
        return;
      }
      case "states": {
        const sealed = bytes("body");
        const clear = gunzipSync(openWith(this.#dataKey(text("stack_id"), sealed), "state", sealed));
        if (!createHash("sha256").update(clear).digest().equals(bytes("sha256")))
          throw damagedBackup(`state ${text("number")} of stack ${text("stack_id")} has another digest`);
        this.#found.states += 1;
        return;
      }
    }
  }

  /** Throws `backup_damaged` unless everything that the database had was opened. */
  compare(counts: Counts): void {
    this.#contents.compare();
    const { canaries, ...found } = this.#found;
    for (const name of ["states", "secrets", "dataKeys"] as const) {
      if (found[name] !== counts[name])
        throw damagedBackup(`the database had ${counts[name]} ${name}, the backup has ${found[name]}`);
    }
    if (canaries !== this.#head.wrappingKeys.length)
      throw damagedBackup("the canary of a wrapping key is missing");
  }

  async #wrappingKey(id: string): Promise<WrappingKey> {
    const known = this.#wrapping.get(id);
    if (known !== undefined) return known;
    const inside = this.#files.find((one) => one.id === id);
    const key =
      inside === undefined ? await openKnown(this.#settings, id) : fileKey("the backup", inside.content);
    this.#wrapping.set(id, key);
    return key;
  }

  #dataKey(stackId: string, sealed: Buffer): DataKey {
    const key = this.#dataKeys.get(`${stackId}/${keyVersionOf(sealed)}`);
    if (key === undefined) throw damagedBackup(`a data key of stack ${stackId} is missing`);
    return key;
  }
}
