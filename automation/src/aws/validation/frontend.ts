import { getCACertificates } from "node:tls";
import { apiAddress } from "./api-rules.ts";
import { browse, findBrowser } from "./browse.ts";
import { notApplicable, type PlannedCheck, type Verdict } from "./check.ts";
import { distributionOf } from "./distribution.ts";
import {
  filesOf,
  judgeCors,
  judgeDistribution,
  judgeFile,
  judgeFiles,
  judgePage,
  judgeRedirect,
  judgeVisit,
} from "./frontend-rules.ts";
import type { Scope } from "./scope.ts";

/** Nobody's: the name is reserved (RFC 2606). */
const FOREIGN_ORIGIN = "https://elsewhere.invalid";

/** The distribution serves, the page and its files load with the right headers, HTTP leads to HTTPS, its pages may call the API, and a browser can use it. */
export function frontendChecks(scope: Scope): readonly PlannedCheck[] {
  const { site } = scope.manifest;
  const plain = new URL(site.url);
  plain.protocol = "http:";
  return [
    { check: "distribution", look: () => distribution(scope) },
    { check: "page", look: async () => judgePage(await scope.request(site.url)) },
    {
      check: "redirect to HTTPS",
      look: async () => judgeRedirect(plain.href, await scope.request(plain.href)),
    },
    { check: "CORS", look: () => cors(scope) },
    { check: "files", look: () => files(scope) },
    { check: "navigation", look: () => navigation(scope) },
  ];
}

async function distribution(scope: Scope): Promise<Verdict> {
  const found = await distributionOf(scope);
  return judgeDistribution({
    enabled: found?.DistributionConfig?.Enabled ?? false,
    status: found?.Status ?? "unknown",
  });
}

async function cors({ manifest, request }: Scope): Promise<Verdict> {
  const { origin } = new URL(manifest.site.url);
  const [first] = Object.values(manifest.functions);
  const url = apiAddress(manifest.api.url, first?.healthPath ?? "/");
  const question = { "access-control-request-method": "GET" };
  const [preflight, plain, foreign] = await Promise.all([
    request(url, { method: "OPTIONS", headers: { origin, ...question } }),
    request(url, { headers: { origin } }),
    request(url, { method: "OPTIONS", headers: { origin: FOREIGN_ORIGIN, ...question } }),
  ]);
  return judgeCors(origin, { preflight, plain, foreign });
}

async function files({ manifest, request }: Scope): Promise<Verdict> {
  const page = await request(manifest.site.url);
  const urls = filesOf(page.text, manifest.site.url);
  if (urls.length === 0) return notApplicable("the page names no files of its own");
  return judgeFiles(await Promise.all(urls.map(async (url) => judgeFile(url, await request(url)))));
}

async function navigation({ manifest, settings, request, extraCa, context }: Scope): Promise<Verdict> {
  const browser = await findBrowser(settings.browser);
  if ("missing" in browser) return notApplicable(browser.missing);
  const { url } = manifest.site;
  const journey = {
    siteUrl: url,
    apiUrl: manifest.api.url,
    connectTo: settings.connectTo,
    trustedKeys: await trustedKeys(request, trustsMore(extraCa) ? [url, manifest.api.url] : []),
  };
  const visit = await browse(browser, journey, context.signal);
  return "missing" in visit ? notApplicable(visit.missing) : judgeVisit(visit);
}

/** Whether this process trusts authorities that a browser does not: extra ones, or those of NODE_EXTRA_CA_CERTS. */
function trustsMore(extraCa: string | null): boolean {
  const publicOnes = new Set(getCACertificates("bundled"));
  return extraCa !== null || getCACertificates("default").some((one) => !publicOnes.has(one));
}

/** A browser is told the keys of the servers that such authorities vouch for. These requests check their certificates; without one there is no key. */
async function trustedKeys(request: Scope["request"], urls: readonly string[]): Promise<string[]> {
  const answers = await Promise.all(urls.map((url) => request(url, { method: "HEAD" })));
  return answers.flatMap(({ certificate }) => certificate?.keyDigest ?? []);
}
