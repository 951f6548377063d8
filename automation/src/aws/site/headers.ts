import { isHashedAsset } from "../../keeper/asset-caching.ts";

/** Served from any cache for a year: its name changes with its content. */
export const FOR_EVER = "public, max-age=31536000, immutable";
/** Any cache asks each time whether it changed. */
export const NO_CACHE = "no-cache";
/** Pictures, fonts and texts whose name stays: minutes, and the invalidation of a release ends them in the distribution's caches. */
export const SHORT = "public, max-age=300";

const UNKNOWN = "application/octet-stream";
const TYPES: Readonly<Record<string, string>> = {
  avif: "image/avif",
  css: "text/css; charset=utf-8",
  csv: "text/csv; charset=utf-8",
  gif: "image/gif",
  htm: "text/html; charset=utf-8",
  html: "text/html; charset=utf-8",
  ico: "image/x-icon",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  js: "text/javascript; charset=utf-8",
  json: "application/json; charset=utf-8",
  map: "application/json; charset=utf-8",
  md: "text/markdown; charset=utf-8",
  mjs: "text/javascript; charset=utf-8",
  mp4: "video/mp4",
  otf: "font/otf",
  pdf: "application/pdf",
  png: "image/png",
  svg: "image/svg+xml",
  ttf: "font/ttf",
  txt: "text/plain; charset=utf-8",
  wasm: "application/wasm",
  webm: "video/webm",
  webmanifest: "application/manifest+json",
  webp: "image/webp",
  woff: "font/woff",
  woff2: "font/woff2",
  xml: "application/xml; charset=utf-8",
};

/** What a browser is told that a file is, by its ending. */
export function contentTypeOf(key: string): string {
  const name = key.slice(key.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  const ending = dot === -1 ? "" : name.slice(dot + 1).toLowerCase();
  return (Object.hasOwn(TYPES, ending) ? TYPES[ending] : undefined) ?? UNKNOWN;
}

/** When a file is uploaded: what others refer to goes first, pages last. */
export type Turn = "asset" | "other" | "page";

export function turnOf(key: string): Turn {
  if (/\.html?$/i.test(key)) return "page";
  return isHashedAsset(key) ? "asset" : "other";
}

/** The cache-control of a file. `configFile`: the key that is generated for each release. */
export function cacheControlOf(key: string, configFile: string | null): string {
  const turn = turnOf(key);
  if (turn === "page" || key === configFile) return NO_CACHE;
  return turn === "asset" ? FOR_EVER : SHORT;
}
