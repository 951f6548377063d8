import path from "node:path";
import { failed, passed, type Verdict, withLatency } from "./check.ts";
import type { Answer } from "./request.ts";

const YEAR_SECONDS = 31_536_000;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 307, 308]);

export function judgeDistribution({ enabled, status }: { enabled: boolean; status: string }): Verdict {
  if (!enabled) return failed("the distribution is switched off");
  return status === "Deployed"
    ? passed("enabled and deployed everywhere")
    : failed(`the distribution is ${status}: not every place serves the same yet`);
}

/** The page itself: there, HTML, and asked for anew each time, so that a release is seen at once. */
export function judgePage(answer: Answer): Verdict {
  return withLatency(pageVerdict(answer), answer.latencyMs);
}

function pageVerdict({ status, headers, text }: Answer): Verdict {
  if (status !== 200) return failed(`the page answers ${status}`);
  if (!/^text\/html\b/.test(headers["content-type"] ?? ""))
    return failed(`the page is ${headers["content-type"] ?? "of no type"}, not text/html`);
  if (!hasDirective(headers["cache-control"], "no-cache"))
    return failed(`the page's cache-control is ${headers["cache-control"] ?? "absent"}, not no-cache`);
  return text.trim() === "" ? failed("the page is empty") : passed("200, text/html, no-cache");
}

/** Who comes by HTTP is sent to the same host by HTTPS. */
export function judgeRedirect(
  from: string,
  { status, headers }: Pick<Answer, "status" | "headers">,
): Verdict {
  if (!REDIRECTS.has(status)) return failed(`HTTP is answered with ${status}, not sent to HTTPS`);
  const to = URL.canParse(headers.location ?? "", from) ? new URL(headers.location ?? "", from) : null;
  if (to?.protocol !== "https:" || to.hostname !== new URL(from).hostname)
    return failed(`HTTP is sent to ${headers.location ?? "nowhere"}`);
  return passed(`${status} to ${to.origin}`);
}

type Cors = Pick<Answer, "status" | "headers">;

/** The site's pages may call the API, and pages from elsewhere may not. */
export function judgeCors(
  origin: string,
  { preflight, plain, foreign }: { preflight: Cors; plain: Cors; foreign: Cors },
): Verdict {
  const allowed = (answer: Cors) => answer.headers["access-control-allow-origin"];
  const isOpen = allowed(plain) === "*";
  if (preflight.status >= 300)
    return failed(`the question before a call is answered with ${preflight.status}`);
  for (const [what, answer] of [
    ["the question before a call", preflight],
    ["a call", plain],
  ] as const) {
    const seen = allowed(answer);
    if (seen !== origin && seen !== "*")
      return failed(`${what} from ${origin} is answered with ${seen ?? "no access-control-allow-origin"}`);
  }
  if (!/(^|,)\s*(GET|\*)\s*(,|$)/i.test(preflight.headers["access-control-allow-methods"] ?? ""))
    return failed("the question before a call names no GET among what is allowed");
  if (isOpen) return passed("every origin may call it");
  if (allowed(foreign) !== undefined && allowed(foreign) !== origin)
    return failed(`it allows ${allowed(foreign) ?? ""}, too, which nobody named`);
  return passed(`${origin} may call it, others may not`);
}

/** Files that a page names and that come from its own origin, each once. */
export function filesOf(html: string, page: string): string[] {
  const tags = html.matchAll(
    /<(?:script|link|img)\b[^>]*?\s(?:src|href)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))/gi,
  );
  const own = [...tags]
    .map((match) => match[1] ?? match[2] ?? match[3] ?? "")
    .filter((link) => !link.startsWith("data:") && URL.canParse(link, page))
    .map((link) => new URL(link, page))
    .filter((url) => url.origin === new URL(page).origin)
    .map((url) => `${url.origin}${url.pathname}${url.search}`);
  return [...new Set(own)];
}

const HASHES: readonly RegExp[] = [
  /[-.](?=[\w-]*[0-9A-Z])[\w-]{8}\.[a-z0-9]+$/,
  /[-.](?:[0-9a-f]{10}|[0-9a-f]{16}|[0-9a-f]{20}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})\.[a-z0-9]+$/,
];

/** Whether a file's name changes with its content, as bundlers write it: `index-D7Nyvtux.js`, `main.3f2a9c1b.css`. */
export function isHashed(file: string): boolean {
  return HASHES.some((pattern) => pattern.test(path.posix.basename(file)));
}

const TYPES: Readonly<Record<string, RegExp>> = {
  ".js": /^(text|application)\/javascript\b/,
  ".mjs": /^(text|application)\/javascript\b/,
  ".css": /^text\/css\b/,
  ".svg": /^image\/svg\+xml\b/,
  ".png": /^image\/png\b/,
  ".jpg": /^image\/jpeg\b/,
  ".webp": /^image\/webp\b/,
  ".ico": /^image\/(x-icon|vnd\.microsoft\.icon)\b/,
  ".json": /^application\/json\b/,
  ".webmanifest": /^application\/(manifest\+)?json\b/,
  ".woff2": /^font\/woff2\b/,
};

/** A file loads, is of its name's type, and is kept for ever by caches when its name changes with its content. */
export function judgeFile(url: string, { status, headers }: Pick<Answer, "status" | "headers">): Verdict {
  const file = new URL(url).pathname;
  if (status !== 200) return failed(`${file} answers ${status}`);
  const type = headers["content-type"] ?? "nothing";
  const expected = TYPES[path.posix.extname(file).toLowerCase()];
  if (expected !== undefined && !expected.test(type)) return failed(`${file} is ${type}`);
  const cache = headers["cache-control"];
  if (!isHashed(file)) {
    return hasDirective(cache, "immutable")
      ? failed(`${file} keeps its name when it changes, but its cache-control is ${cache ?? ""}`)
      : passed(file);
  }
  const isKept = hasDirective(cache, "immutable") && hasDirective(cache, `max-age=${YEAR_SECONDS}`);
  return isKept
    ? passed(file)
    : failed(`${file} has cache-control ${cache ?? "absent"}, not a year and immutable`);
}

/** All of a page's files: fails with each that is wrong. */
export function judgeFiles(verdicts: readonly Verdict[]): Verdict {
  const bad = verdicts.filter((one) => one.state === "failed");
  return bad.length === 0
    ? passed(`${verdicts.length} files load with the right types and cache headers`)
    : failed(bad.map((one) => one.detail).join("; "));
}

function hasDirective(cacheControl: string | undefined, directive: string): boolean {
  return (cacheControl ?? "")
    .toLowerCase()
    .split(",")
    .some((one) => one.trim() === directive);
}

/** What a browser saw of a visit. */
export interface Visit {
  title: string;
  /** Of the visible text of each page that was opened. */
  characters: readonly number[];
  /** Requests of the site's and the API's origins that failed, errors of the page's own code. */
  faults: readonly string[];
}

const SHOWN_FAULTS = 3;

export function judgeVisit({ title, characters, faults }: Visit): Verdict {
  if (faults.length > 0) {
    const more = faults.length > SHOWN_FAULTS ? ` (and ${faults.length - SHOWN_FAULTS} more)` : "";
    return failed(`${faults.slice(0, SHOWN_FAULTS).join("; ")}${more}`);
  }
  if (characters.some((count) => count === 0)) return failed("a page shows nothing");
  return passed(`"${title}": ${characters.length} pages opened, nothing failed`);
}
