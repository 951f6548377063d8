import { expect, test } from "vitest";
import { cacheControlOf, isNavigation } from "./asset-caching.ts";
import { matchRoute } from "./proxy.ts";

test.each([
  ["/", "site"],
  ["/api", "api"],
  ["/api/orders?x=/admin", "api"],
  ["/apis", "site"],
  ["/api/admin/users", "admin"],
  ["/?next=/api", "site"],
])("%s is routed to %s", (url, upstream) => {
  const routes = [
    { path: "/", upstream: "site" },
    { path: "/api", upstream: "api" },
    { path: "/api/admin/", upstream: "admin" },
  ];
  expect(matchRoute(routes, url)?.upstream).toBe(upstream);
  expect(matchRoute([{ path: "/api", upstream: "api" }], "/")).toBeUndefined();
});

test.each([
  ["/assets/index-BxY12abc.js", true],
  ["/app.0f3a9c21.css", true],
  ["/site-settings.js", false],
  ["/index.html", false],
  ["/config.json", false],
])("%s is cached for ever: %s", (path, forEver) => {
  expect(cacheControlOf(path)).toBe(forEver ? "public, max-age=31536000, immutable" : "no-cache");
});

test("only a browser's navigation falls back to the page", () => {
  expect(isNavigation("GET", "/strategies/7", "text/html,*/*")).toBe(true);
  expect(isNavigation("GET", "/logo.png", "text/html")).toBe(false);
  expect(isNavigation("GET", "/strategies/7", "application/json")).toBe(false);
  expect(isNavigation("POST", "/strategies/7", "text/html")).toBe(false);
});
