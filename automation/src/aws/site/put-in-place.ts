import type { Shipment } from "../../contract/aws/shipment.ts";
import { messageOf } from "../../errors.ts";
import { atOnce } from "../at-once.ts";
import type { Parts } from "../parts.ts";
import { puttingBack, type Shipping, stopIfCancelled } from "../shipping.ts";
import { type BucketContent, copyBack, hideKeys, listBucket } from "./bucket.ts";
import { type Turn, turnOf } from "./headers.ts";
import { invalidate, whenInvalidated } from "./invalidation.ts";
import type { SitePlan } from "./plan.ts";

type Site = Shipment["site"];

export const FILES_PART = "site files";
export const CACHES_PART = "site caches";

/** In this order nothing that is served refers to what is not there yet. */
const TURNS: readonly Turn[] = ["asset", "other", "page"];

/**
 * Brings the bucket to what is planned: hashed assets, other files, pages, and only then the keys that leave; then every cache forgets the site. When any of it
 * fails, the objects are put back as `before` lists them and the caches are asked to forget again; `notPutBack` says what of that failed. The parts are `site files` and `site caches`. Answers the shipment's
 * site.
 */
export async function putSiteInPlace<Wanted extends { key: string }>(
  shipping: Shipping,
  plan: SitePlan<Wanted>,
  { before, reference, parts }: { before: BucketContent; reference: string; parts: Parts },
  place: (wanted: Wanted) => Promise<Site[string]>,
): Promise<Site> {
  const isChanged = plan.changes.length + plan.hidden.length > 0;
  try {
    const placed = await parts.run(FILES_PART, async () => {
      const value: Record<string, Site[string]> = {};
      for (const turn of TURNS) {
        stopIfCancelled(shipping.signal);
        const now = plan.changes.filter(({ key }) => turnOf(key) === turn);
        await atOnce(now, shipping.limits.objectsAtOnce, async (wanted) => {
          value[wanted.key] = await place(wanted);
        });
      }
      await hideKeys(shipping, plan.hidden);
      const { changes, kept, hidden } = plan;
      const detail = `${changes.length} put, ${Object.keys(kept).length} unchanged, ${hidden.length} removed`;
      return { detail, value };
    });
    await parts.run(CACHES_PART, async () => {
      if (!isChanged) return { detail: "nothing changed", value: undefined };
      const id = await invalidate(shipping, reference);
      await whenInvalidated(shipping, id);
      return { detail: `invalidation ${id} is done`, value: undefined };
    });
    return { ...plan.kept, ...plan.retired, ...placed };
  } catch (thrown) {
    throw new SiteNotInPlace(thrown, await putObjectsBack(shipping, touchedBy(plan), before, reference));
  }
}

/** A site that could not be put in place: why, and what could not be put back, in words. */
export class SiteNotInPlace extends Error {
  readonly notPutBack: readonly string[];

  constructor(cause: unknown, notPutBack: readonly string[]) {
    super(messageOf(cause), { cause });
    this.name = "SiteNotInPlace";
    this.notPutBack = notPutBack;
  }
}

function touchedBy(plan: SitePlan<{ key: string }>): string[] {
  return [...plan.changes.map(({ key }) => key), ...plan.hidden];
}

/** Also after a cancellation. What is uploaded is read from the bucket: of a call that was cut off nobody knows whether it was done. */
async function putObjectsBack(
  shipping: Shipping,
  touched: readonly string[],
  before: BucketContent,
  reference: string,
): Promise<string[]> {
  const now = puttingBack(shipping);
  const words: string[] = [];
  try {
    const { current } = await listBucket(now);
    const changed = touched.filter((key) => current.get(key) !== before.current.get(key));
    if (changed.length === 0) return [];
    for (const turn of TURNS) {
      const back = changed.filter((key) => turnOf(key) === turn && before.current.has(key));
      await atOnce(back, shipping.limits.objectsAtOnce, async (key) => {
        await copyBack(now, key, before.current.get(key) ?? "");
      });
    }
    await hideKeys(
      now,
      changed.filter((key) => !before.current.has(key)),
    );
    shipping.tell(`site files: ${changed.length} put back`);
  } catch (thrown) {
    words.push(`objects of the site (${messageOf(thrown)})`);
  }
  try {
    // Not awaited: pages ask each time, so that at most an unhashed file is stale for minutes.
    const id = await invalidate(now, `${reference}-back`);
    shipping.tell(`site caches: invalidation ${id} was asked for`);
  } catch (thrown) {
    words.push(`the caches of the site (${messageOf(thrown)})`);
  }
  return words;
}
