import { describe, expect, test } from "vitest";
import {
  filesOf,
  isHashed,
  judgeCors,
  judgeDistribution,
  judgeFile,
  judgeFiles,
  judgePage,
  judgeRedirect,
  judgeVisit,
} from "./frontend-rules.ts";

const SITE = "https://app.test";
const YEAR = "public, max-age=31536000, immutable";
const answer = (status: number, headers: Record<string, string>, text = "<p>x</p>") => ({
  status,
  headers,
  text,
  latencyMs: 5,
  certificate: null,
});

test.each([
  [{ enabled: true, status: "Deployed" }, "passed"],
  [{ enabled: false, status: "Deployed" }, "failed"],
  [{ enabled: true, status: "InProgress" }, "failed"],
])("the distribution %j is %s", (distribution, state) => {
  expect(judgeDistribution(distribution).state).toBe(state);
});

const HTML = { "content-type": "text/html; charset=utf-8", "cache-control": "no-cache" };
test.each([
  [answer(200, HTML), "passed"],
  [answer(403, HTML), "failed"],
  [answer(200, { ...HTML, "content-type": "application/octet-stream" }), "failed"],
  [answer(200, { ...HTML, "cache-control": YEAR }), "failed"],
  [answer(200, { "content-type": "text/html" }), "failed"],
  [answer(200, HTML, " \n"), "failed"],
])("the page %j is %s", (page, state) => {
  expect(judgePage(page)).toMatchObject({ state, latencyMs: 5 });
});

test.each([
  [301, "https://app.test/", "passed"],
  [308, "https://app.test/", "passed"],
  [200, undefined, "failed"],
  [301, "http://app.test/login", "failed"],
  [302, "https://elsewhere.test/", "failed"],
  [301, undefined, "failed"],
])("HTTP that answers %d to %s is %s", (status, location, state) => {
  const headers = location === undefined ? {} : { location };
  expect(judgeRedirect("http://app.test/", { status, headers }).state).toBe(state);
});

describe("what pages of an origin may do", () => {
  const allow = (origin: string) => ({
    status: 204,
    headers: { "access-control-allow-origin": origin, "access-control-allow-methods": "GET,POST" },
  });
  const none = { status: 200, headers: {} };
  test.each([
    ["the site may, others not", allow(SITE), allow(SITE), none, "passed"],
    ["everybody may", allow("*"), allow("*"), allow("*"), "passed"],
    ["nobody may", none, none, none, "failed"],
    ["only the question is answered", allow(SITE), none, none, "failed"],
    ["the question is refused", { ...none, status: 403 }, allow(SITE), none, "failed"],
    ["another origin may", allow("https://old.test"), allow("https://old.test"), none, "failed"],
    ["whoever asks may", allow(SITE), allow(SITE), allow("https://elsewhere.invalid"), "failed"],
    [
      "no reading",
      { status: 204, headers: { ...allow(SITE).headers, "access-control-allow-methods": "POST" } },
      allow(SITE),
      none,
      "failed",
    ],
  ])("%s", (_what, preflight, plain, foreign, state) => {
    expect(judgeCors(SITE, { preflight, plain, foreign }).state).toBe(state);
  });
});

test("the files of a page are those of its own origin, each once", () => {
  const html = `<link rel=stylesheet href=./assets/a-B1c2d3e4.css><script type="module" src='/assets/a-B1c2d3e4.js'></script>
    <script src="https://elsewhere.test/x.js"></script><img alt="" src="data:image/png;base64,AA==">
    <link rel="modulepreload" href="/assets/a-B1c2d3e4.js"><link rel="icon" href="./favicon.svg">`;
  expect(filesOf(html, `${SITE}/`)).toEqual([
    `${SITE}/assets/a-B1c2d3e4.css`,
    `${SITE}/assets/a-B1c2d3e4.js`,
    `${SITE}/favicon.svg`,
  ]);
});

test.each([
  ["/assets/index-D7Nyvtux.js", true],
  ["/assets/risk-profiles-D7Nyvtux.js", true],
  ["/assets/index-JS8s_yq-.css", true],
  ["/main.3f2a9c1b.css", true],
  ["/main.3f2a9c1b7d3f2a9c1b7d.js", true],
  ["/index.html", false],
  ["/apple-touch-icon.png", false],
  ["/favicon.svg", false],
  ["/site.webmanifest", false],
])("%s changes its name with its content: %s", (file, hashed) => {
  expect(isHashed(file)).toBe(hashed);
});

test.each([
  ["/assets/a-B1c2d3e4.js", 200, { "content-type": "text/javascript", "cache-control": YEAR }, "passed"],
  ["/assets/a-B1c2d3e4.js", 404, { "content-type": "text/javascript", "cache-control": YEAR }, "failed"],
  ["/assets/a-B1c2d3e4.js", 200, { "content-type": "text/html", "cache-control": YEAR }, "failed"],
  ["/assets/a-B1c2d3e4.js", 200, { "content-type": "text/javascript" }, "failed"],
  [
    "/assets/a-B1c2d3e4.js",
    200,
    { "content-type": "text/javascript", "cache-control": "max-age=600" },
    "failed",
  ],
  ["/favicon.svg", 200, { "content-type": "image/svg+xml", "cache-control": "max-age=600" }, "passed"],
  ["/favicon.svg", 200, { "content-type": "image/svg+xml", "cache-control": YEAR }, "failed"],
])("%s that answers %d with %j is %s", (file, status, headers, state) => {
  expect(judgeFile(`${SITE}${file}`, { status, headers }).state).toBe(state);
});

test("every file that is wrong is named", () => {
  const verdicts = ["/a.js", "/b.css"].map((file) =>
    judgeFile(`${SITE}${file}`, { status: 404, headers: {} }),
  );
  expect(judgeFiles(verdicts)).toEqual({ state: "failed", detail: "/a.js answers 404; /b.css answers 404" });
});

test.each([
  [{ title: "Desk", characters: [10, 12], faults: [] }, "passed"],
  [{ title: "Desk", characters: [10, 0], faults: [] }, "failed"],
  [{ title: "Desk", characters: [10, 12], faults: ["the page failed: x is undefined"] }, "failed"],
])("a visit that saw %j is %s", (visit, state) => {
  expect(judgeVisit(visit).state).toBe(state);
});
