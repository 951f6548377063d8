import type { Shipment, ShippedFile } from "../../contract/aws/shipment.ts";
import type { BucketContent } from "./bucket.ts";
import type { SiteFile } from "./files.ts";
import { turnOf } from "./headers.ts";

/** For how long hashed assets of earlier releases stay, in days: a page that was opened before a release still asks for them. */
export const RETIRED_STAY_DAYS = 30;
const DAY_MS = 24 * 60 * 60_000;

type Site = Shipment["site"];

/** What is to be done so that the bucket serves a site. */
export interface SitePlan<Wanted> {
  /** To upload, or to copy back. */
  changes: readonly Wanted[];
  /** Served as they should be already. */
  kept: Site;
  /** Hashed assets of earlier releases that stay for a while. */
  retired: Site;
  /** Keys that are served and should not be. */
  hidden: readonly string[];
}

/** What a new site needs: a file with the content and the headers that the last shipment has, and that is really there, is left alone. */
export function planSite(
  files: readonly SiteFile[],
  previous: Site,
  current: BucketContent["current"],
  now: Date,
): SitePlan<SiteFile> {
  const kept: Record<string, ShippedFile> = {};
  const changes: SiteFile[] = [];
  for (const file of files) {
    const before = previous[file.key];
    if (before !== undefined && isSame(file, before) && current.get(file.key) === before.versionId) {
      kept[file.key] = withoutRetirement(before);
    } else changes.push(file);
  }
  return { changes, kept, ...leaving(new Set(files.map(({ key }) => key)), previous, current, now) };
}

/** A recorded file that is not what is served now. */
export interface CopiedBack {
  key: string;
  file: ShippedFile;
}

/** What an earlier site needs to be served again. */
export function planRestore(
  target: Site,
  previous: Site,
  current: BucketContent["current"],
  now: Date,
): SitePlan<CopiedBack> {
  const wanted = Object.entries(target).filter(([, file]) => file.retiredAt === undefined);
  const isServed = ([key, file]: [string, ShippedFile]): boolean => current.get(key) === file.versionId;
  return {
    changes: wanted.filter((one) => !isServed(one)).map(([key, file]) => ({ key, file })),
    kept: Object.fromEntries(wanted.filter(isServed)),
    ...leaving(new Set(wanted.map(([key]) => key)), previous, current, now),
  };
}

/** Only keys that a shipment has put there: what somebody else keeps in the bucket is none of ours. */
function leaving(
  wanted: ReadonlySet<string>,
  previous: Site,
  current: BucketContent["current"],
  now: Date,
): Pick<SitePlan<never>, "retired" | "hidden"> {
  const retired: Record<string, ShippedFile> = {};
  const hidden: string[] = [];
  for (const [key, file] of Object.entries(previous)) {
    if (wanted.has(key) || !current.has(key)) continue;
    const retiredAt = file.retiredAt ?? now.toISOString();
    const isStaying =
      turnOf(key) === "asset" && now.getTime() - Date.parse(retiredAt) < RETIRED_STAY_DAYS * DAY_MS;
    if (isStaying) retired[key] = { ...file, retiredAt };
    else hidden.push(key);
  }
  return { retired, hidden };
}

function isSame(file: SiteFile, before: ShippedFile): boolean {
  return (
    file.sha256 === before.sha256 &&
    file.contentType === before.contentType &&
    file.cacheControl === before.cacheControl
  );
}

function withoutRetirement({ versionId, sha256, contentType, cacheControl }: ShippedFile): ShippedFile {
  return { versionId, sha256, contentType, cacheControl };
}
