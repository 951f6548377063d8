import { createHash } from "node:crypto";
import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AN_AWS_MANIFEST } from "../../../../test/helpers/aws-manifest.ts";
import { makeModelAws } from "../../../../test/helpers/model-aws.ts";
import type { Shipment } from "../../contract/aws/shipment.ts";
import { planParts } from "../parts.ts";
import type { Shipping } from "../shipping.ts";
import type { BuiltSite } from "./files.ts";
import { cacheControlOf, contentTypeOf } from "./headers.ts";
import { putRecordedSite } from "./restore-site.ts";
import { putShippedSite } from "./ship-site.ts";

const RUNS = 150;
type Files = Readonly<Record<string, string>>;

/** A versioned bucket. `failing`: the call that changes something, counted from now, which fails once. */
function makeBucket() {
  const versions: { key: string; id: string; text: string | null }[] = [];
  let failing = Number.POSITIVE_INFINITY;
  const latest = (key: string) => versions.findLast((one) => one.key === key);
  const add = (key: string, text: string | null) => {
    const id = `v${versions.length + 1}`;
    versions.push({ key, id, text });
    return { VersionId: id };
  };
  const change = () => {
    if (failing-- === 0) throw Object.assign(new Error("no"), { name: "AccessDenied" });
  };
  const send = (command: unknown): object => {
    if (command instanceof ListObjectVersionsCommand) {
      const kept = versions.filter(({ text }) => text !== null);
      return {
        Versions: kept.map(({ key, id }) => ({ Key: key, VersionId: id, IsLatest: latest(key)?.id === id })),
      };
    }
    change();
    if (command instanceof PutObjectCommand) {
      return add(command.input.Key ?? "", Buffer.from(command.input.Body as Uint8Array).toString());
    }
    if (command instanceof CopyObjectCommand) {
      const id = command.input.CopySource?.split("versionId=")[1];
      const source = versions.find((one) => one.id === id);
      if (source === undefined) throw Object.assign(new Error("gone"), { name: "NoSuchVersion" });
      return add(command.input.Key ?? "", source.text);
    }
    if (command instanceof DeleteObjectsCommand) {
      for (const { Key = "" } of command.input.Delete?.Objects ?? []) add(Key, null);
      return {};
    }
    throw new Error("the bucket does not know this call");
  };
  return {
    s3: { send: (command: unknown) => Promise.resolve().then(() => send(command)) } as unknown as S3Client,
    failAt: (call: number) => {
      failing = call;
    },
    served: (): Files => {
      const keys = [...new Set(versions.map(({ key }) => key))].sort();
      return Object.fromEntries(
        keys.flatMap((key) => {
          const text = latest(key)?.text ?? null;
          return text === null ? [] : [[key, text]];
        }),
      );
    },
  };
}

function builtOf(files: Files): BuiltSite {
  return {
    files: Object.entries(files).map(([key, text]) => ({
      key,
      sha256: createHash("sha256").update(text).digest("hex"),
      contentType: contentTypeOf(key),
      cacheControl: cacheControlOf(key, null),
    })),
    read: (key) => Promise.resolve(Buffer.from(files[key] ?? "")),
  };
}

const files = fc.dictionary(
  fc.constantFrom("a.txt", "b/c.html", "assets/x-AbCd1234.js", "assets/y-EfGh5678.js"),
  fc.constantFrom("one", "two"),
);
const site = files.map((some): Files => ({ "index.html": Object.values(some).join() || "empty", ...some }));
const step = fc.oneof(
  fc.record({ does: fc.constant("ship" as const), site, failAt: fc.option(fc.nat({ max: 6 })) }),
  fc.record({
    does: fc.constant("restore" as const),
    nth: fc.nat({ max: 5 }),
    failAt: fc.option(fc.nat({ max: 6 })),
  }),
);

interface Sides {
  ship: typeof putShippedSite;
  restore: typeof putRecordedSite;
}

/** After each step of any history the bucket serves exactly what a release has, and what stays of others; after a failure what it served before. */
function history({ ship, restore }: Sides) {
  return fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
    const bucket = makeBucket();
    const shipping: Shipping = { ...makeModelAws(AN_AWS_MANIFEST, {}).shipping, s3: bucket.s3 };
    const releases: { files: Files; shipment: Shipment }[] = [];
    let previous: Shipment | null = null;
    for (const [index, one] of steps.entries()) {
      const before = bucket.served();
      const reference = String(index);
      const target = one.does === "restore" ? releases[one.nth % Math.max(1, releases.length)] : undefined;
      if (one.does === "restore" && target === undefined) continue;
      const wanted = one.does === "ship" ? one.site : (target?.files ?? {});
      bucket.failAt(one.failAt ?? Number.POSITIVE_INFINITY);
      const parts = planParts([], () => {});
      const placed: Shipment["site"] | null = await (target === undefined
        ? ship(shipping, builtOf(wanted), { previous, reference }, parts)
        : restore(shipping, { target: target.shipment, previous, reference }, parts)
      ).catch(() => null);
      bucket.failAt(Number.POSITIVE_INFINITY);
      if (placed === null) {
        expect(bucket.served()).toEqual(before);
        continue;
      }
      const stays = Object.keys(placed).filter((key) => placed[key]?.retiredAt !== undefined);
      const served = bucket.served();
      expect(Object.keys(served).sort()).toEqual([...Object.keys(wanted), ...stays].sort());
      for (const [key, text] of Object.entries(wanted)) expect(served[key]).toBe(text);
      expect(stays.filter((key) => !key.startsWith("assets/"))).toEqual([]);
      previous = { functions: {}, site: placed };
      releases.push({ files: wanted, shipment: previous });
    }
  });
}

describe("a site's bucket", () => {
  const sides: Sides = { ship: putShippedSite, restore: putRecordedSite };
  test("serves a whole release after any history of shipments, failures and ways back", () =>
    fc.assert(history(sides), { numRuns: RUNS }));

  test.each<[string, Sides]>([
    [
      "forgets what the last shipment had",
      {
        ...sides,
        ship: (s, built, given, parts) => putShippedSite(s, built, { ...given, previous: null }, parts),
      },
    ],
    [
      "goes back to the objects of the last shipment",
      {
        ...sides,
        restore: (s, given, parts) =>
          putRecordedSite(s, { ...given, target: given.previous ?? given.target }, parts),
      },
    ],
  ])("and a variant that %s is found", async (_, variant) => {
    // Found by what was expected, not by a variant that cannot even run.
    expect((await fc.check(history(variant), { numRuns: 500 })).errorInstance).toHaveProperty(
      "name",
      "AssertionError",
    );
  });
});
