/** A name that holds a digest of its content, as bundlers write it: `index-BxY12abc.js`, `app.0f3a9c21.css`. */
const HASHED_NAME = /[-.]([A-Za-z0-9_-]{8}|[0-9a-f]{9,64})\.[A-Za-z0-9]+$/;

/**
 * True for a file whose name changes with its content, so that it may be cached for ever. Eight letters could be a word
 * (`site-settings.js`), so a digit or a capital is asked for; a digest without either is merely cached less.
 */
export function isHashedAsset(path: string): boolean {
  const digest = HASHED_NAME.exec(path)?.[1];
  return digest !== undefined && /[0-9A-Z]/.test(digest);
}

/** The cache-control of a file of a site. */
export function cacheControlOf(path: string): string {
  return isHashedAsset(path) ? "public, max-age=31536000, immutable" : "no-cache";
}

/** True when a path without a file is a page of a single-page application: asked for by a browser's navigation, and not by the name of a file. */
export function isNavigation(method: string, path: string, accept: string | undefined): boolean {
  const lastSegment = path.slice(path.lastIndexOf("/") + 1);
  return (
    (method === "GET" || method === "HEAD") &&
    !lastSegment.includes(".") &&
    (accept ?? "").includes("text/html")
  );
}
