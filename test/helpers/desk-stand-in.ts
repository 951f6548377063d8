import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import type { Certificate } from "./certificate.ts";

/** The desk's site and API as they answer behind a distribution and a gateway, with what a test wants wrong about them. */
export interface DeskStandIn {
  httpsPort: number;
  httpPort: number;
  /** Replaces the answer to `METHOD host/path`, or `METHOD /path` of any host; undefined leaves it. */
  wrong: Map<string, Partial<Reply>>;
  /** `METHOD host/path` of every request. */
  requests: string[];
  /** Told of each request before it is answered. */
  onRequest: ((what: string) => void) | null;
  /** What was made through the API and not removed, by list. */
  made: { templates: Thing[]; strategies: Thing[]; "risk-profiles": Thing[] };
  stop(): Promise<void>;
}

interface Thing {
  id: string;
  name: string;
  [field: string]: unknown;
}

interface Reply {
  status: number;
  headers: Record<string, string>;
  body: string;
}

const YEAR = "public, max-age=31536000, immutable";
const SHOWN_AFTER_MS = 500;
const PAGE = `<!doctype html><title>Desk</title><link rel="stylesheet" href="./assets/index-B1c2d3e4.css">
<body><script type="module" src="./assets/index-D7Nyvtux.js"></script>`;
const FILES: Readonly<Record<string, { type: string; cache: string; body: string }>> = {
  "/": { type: "text/html", cache: "no-cache", body: PAGE },
  "/assets/index-B1c2d3e4.css": { type: "text/css", cache: YEAR, body: "h1 { color: green }" },
  "/assets/index-D7Nyvtux.js": { type: "text/javascript", cache: YEAR, body: "" },
  "/favicon.ico": { type: "image/x-icon", cache: "max-age=600", body: "" },
};

/** Starts it on two ports of the loopback. `site`, `api`: host names; the page's script asks the API for the templates. */
export async function startDesk(
  { site, api }: { site: string; api: string },
  certificate: Certificate,
): Promise<DeskStandIn> {
  const wrong: DeskStandIn["wrong"] = new Map();
  const requests: string[] = [];
  const made: DeskStandIn["made"] = { templates: [], strategies: [], "risk-profiles": [] };
  const audit: { action: string; subjectId: string }[] = [];
  let ids = 0;
  let tick = 0;

  function answer(method: string, host: string, url: URL, origin: string, text: string): Reply {
    if (host === site) return page(method, url.pathname, api);
    const allowed = { "access-control-allow-origin": `https://${site}` };
    if (method === "OPTIONS") {
      const known = origin === `https://${site}`;
      const headers = known ? { ...allowed, "access-control-allow-methods": "GET,POST,DELETE" } : {};
      return { status: 204, headers, body: "" };
    }
    const cors: Record<string, string> = origin === `https://${site}` ? allowed : {};
    const json = (status: number, value: unknown): Reply => ({
      status,
      headers: { "content-type": "application/json", ...cors },
      body: value === undefined ? "" : JSON.stringify(value),
    });
    const [, , kind = "", id = ""] = url.pathname.split("/");
    if (id === "health" || kind === "health") {
      const dataStores = [{ name: "cache", state: "reachable", used: true, latencyMs: 1, detail: "PING" }];
      return json(200, { status: "ok", category: kind, version: "1.4.0", dataStores });
    }
    if (kind === "audit")
      return json(200, { items: audit.filter((one) => one.subjectId === url.searchParams.get("subjectId")) });
    if (url.pathname === "/api/market-data/instruments") return json(200, { items: [{ symbol: "HRBR" }] });
    if (url.pathname === "/api/market-data/ticks") {
      tick += 1;
      return json(200, { items: [{ quotes: [{ price: 100 + tick }] }], next: String(tick), pollAfterMs: 1 });
    }
    if (kind !== "templates" && kind !== "strategies" && kind !== "risk-profiles") return json(404, {});
    const list = made[kind];
    const own = list.findIndex((one) => one.id === id);
    if (method === "POST") {
      const given = JSON.parse(text) as Thing & { templateId?: string };
      const template = made.templates.find((one) => one.id === given.templateId);
      ids += 1;
      const thing = { ...given, id: given.id ?? `id-${ids}`, parameters: template?.defaults ?? {} };
      list.push(thing);
      if (kind === "strategies") audit.push({ action: "strategy.created", subjectId: thing.id });
      return json(201, thing);
    }
    if (id === "") return json(200, { items: list });
    if (own < 0) return json(404, {});
    if (method !== "DELETE") return json(200, list[own]);
    list.splice(own, 1);
    return json(204, undefined);
  }

  const respond = (isSecure: boolean) => (request: http.IncomingMessage, response: http.ServerResponse) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const { method = "GET", headers } = request;
      const host = (headers.host ?? "").split(":")[0] ?? "";
      const url = new URL(request.url ?? "/", `https://${host}`);
      requests.push(`${method} ${host}${url.pathname}`);
      desk.onRequest?.(`${method} ${host}${url.pathname}`);
      const usual = isSecure
        ? answer(method, host, url, headers.origin ?? "", Buffer.concat(parts).toString())
        : { status: 301, headers: { location: `https://${host}/` }, body: "" };
      const given = wrong.get(`${method} ${host}${url.pathname}`) ?? wrong.get(`${method} ${url.pathname}`);
      const scheme = isSecure ? given : wrong.get(`HTTP ${url.pathname}`);
      const reply = { ...usual, ...scheme };
      response.writeHead(reply.status, reply.headers).end(method === "HEAD" ? undefined : reply.body);
    });
  };
  const secure = https.createServer({ key: certificate.key, cert: certificate.cert }, respond(true));
  const plain = http.createServer(respond(false));
  for (const server of [secure, plain]) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  }
  const desk: DeskStandIn = {
    httpsPort: (secure.address() as AddressInfo).port,
    httpPort: (plain.address() as AddressInfo).port,
    wrong,
    requests,
    onRequest: null,
    made,
    stop: async () => {
      for (const server of [secure, plain]) {
        server.closeAllConnections();
        server.close();
        await once(server, "close");
      }
    },
  };
  return desk;
}

function page(method: string, path: string, api: string): Reply {
  const file = FILES[path];
  if (file === undefined || (method !== "GET" && method !== "HEAD"))
    return { status: 404, headers: { "content-type": "text/html", "cache-control": "no-cache" }, body: "" };
  // As the sample's pages: the policy of the distribution's headers, and nothing to see before the script has run.
  const policy = `default-src 'self'; connect-src 'self' https://${api}; style-src 'self' 'unsafe-inline'`;
  const asks = `fetch("https://${api}/api/templates").then((answer) => answer.json()).then(({ items }) => { document.body.append(items.length + " templates"); });`;
  const script = `setTimeout(() => { document.body.innerHTML = '<h1>Strategy desk</h1><a href="#about">About</a>'; ${asks} }, ${SHOWN_AFTER_MS});`;
  const body = path.endsWith(".js") ? script : file.body;
  const headers = {
    "content-type": file.type,
    "cache-control": file.cache,
    "content-security-policy": policy,
  };
  return { status: 200, headers, body };
}
