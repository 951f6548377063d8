import { createServer, request } from "node:http";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { EndpointView, ProcessView, SiteView } from "../infra/providers/local/contract.ts";
import { temporaryFolder } from "./helpers/folders.ts";
import { bundleOf, fakeServer, processRequest, startKeeperProcess } from "./local-target-support.ts";

async function setUp() {
  const folder = temporaryFolder("endpoint");
  const dataDir = path.join(folder, "data");
  const keeper = await startKeeperProcess(dataDir);
  const { client } = keeper;
  return {
    dataDir,
    folder,
    keeper,
    client,
    async process(version: string) {
      const bundle = await bundleOf(path.join(folder, version), { "server.mjs": fakeServer(version) });
      return await client.call("POST", "/v1/processes", processRequest(bundle), ProcessView);
    },
    endpoint: (routes: object[], more: object = {}) =>
      client.call("POST", "/v1/endpoints", { owner: "urn:web", name: "web", routes, ...more }, EndpointView),
    move: (endpoint: EndpointView, routes: object[], drainTimeoutSeconds = 5) =>
      client.call(
        "PUT",
        `/v1/endpoints/${endpoint.id}`,
        { name: "web", routes, drainTimeoutSeconds },
        EndpointView,
      ),
  };
}

const textOf = async (url: string) => await (await fetch(url)).text();

test("an endpoint moves only to a process that answers its health path", async () => {
  const { process: run, endpoint, move, client } = await setUp();
  const first = await run("v1");
  const web = await endpoint([{ path: "/", upstream: first.url }]);
  const second = await run("v2");
  process.kill(second.pid, "SIGKILL");
  await expect.poll(() => fetch(second.url).catch(() => "gone")).toBe("gone");

  await expect(move(web, [{ path: "/", upstream: second.url }])).rejects.toThrow(
    /stays where it was.*is not running/,
  );
  await expect(move(web, [{ path: "/", upstream: "http://127.0.0.1:1" }])).rejects.toThrow(
    /neither a process nor a site/,
  );
  expect(await textOf(web.url)).toBe("v1");
  const view = await client.find(`/v1/endpoints/${web.id}`, EndpointView);
  expect(view?.routes).toEqual([{ path: "/", upstream: first.url }]);
});

test("a request that is being answered while the endpoint moves is finished by the old process, and the next one goes to the new", async () => {
  const { process: run, endpoint, move } = await setUp();
  const first = await run("v1");
  const second = await run("v2");
  const web = await endpoint([{ path: "/", upstream: first.url }]);
  const slow = textOf(`${web.url}/?wait=800`);
  await sleep(200);
  const moving = move(web, [{ path: "/", upstream: second.url }]);
  await expect.poll(() => textOf(web.url)).toBe("v2");
  await moving;
  // The move is only answered when nothing old is in flight, so that the caller may now stop the old process.
  await expect(Promise.race([slow, sleep(50, "still waiting")])).resolves.toBe("v1");
});

test("a stream that never ends is cut when the drain time is over", async () => {
  const { process: run, endpoint, move } = await setUp();
  const first = await run("v1");
  const second = await run("v2");
  const web = await endpoint([{ path: "/", upstream: first.url }]);
  const stream = await fetch(`${web.url}/stream`);
  const reader = stream.body?.getReader();
  expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("data: v1\n\n");
  const begun = performance.now();
  await move(web, [{ path: "/", upstream: second.url }], 0.5);
  expect(performance.now() - begun).toBeGreaterThan(450);
  await expect(reader?.read()).rejects.toThrow();
});

test("the longest path of whole segments wins, and a body passes through", async () => {
  const { process: run, endpoint, client, folder } = await setUp();
  const api = await run("api");
  const site = await client.call(
    "POST",
    "/v1/sites",
    {
      owner: "urn:site",
      name: "desk",
      bundle: await bundleOf(path.join(folder, "desk"), { "index.html": "<h1>desk</h1>" }),
    },
    SiteView,
  );
  const web = await endpoint([
    { path: "/", upstream: site.url },
    { path: "/api", upstream: api.url },
  ]);
  expect(await textOf(web.url)).toBe("<h1>desk</h1>");
  expect(await textOf(`${web.url}/api/orders?x=1`)).toBe("api");
  expect(await textOf(`${web.url}/api`)).toBe("api");
  expect((await fetch(`${web.url}/apis`)).status).toBe(404);
  const body = "x".repeat(300_000);
  const echoed = await fetch(`${web.url}/api/echo`, { method: "POST", body });
  expect(await echoed.text()).toBe(body);
});

test("without its process an endpoint answers 502, and never hangs", async () => {
  const { process: run, endpoint } = await setUp();
  const made = await run("v1");
  const web = await endpoint([{ path: "/", upstream: made.url }]);
  expect(await textOf(web.url)).toBe("v1");
  process.kill(made.pid, "SIGKILL");
  await expect.poll(async () => (await fetch(web.url)).status).toBe(502);
});

test("an upgraded connection passes both ways", async () => {
  const { process: run, endpoint, folder, client } = await setUp();
  await run("unused");
  const bundle = await bundleOf(path.join(folder, "socket"), {
    "server.mjs": `
      import { createServer } from "node:http";
      const server = createServer((request, response) => response.end());
      server.on("upgrade", (request, socket) => {
        socket.write("HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: echo\\r\\n\\r\\n");
        socket.pipe(socket);
      });
      server.listen(process.env.PORT, "127.0.0.1");`,
  });
  const made = await client.call(
    "POST",
    "/v1/processes",
    processRequest(bundle, { owner: "urn:s" }),
    ProcessView,
  );
  const web = await endpoint([{ path: "/", upstream: made.url }]);
  const outgoing = request(web.url, { headers: { connection: "Upgrade", upgrade: "echo" } });
  const echoed = new Promise<string>((resolve, reject) => {
    outgoing.once("error", reject);
    outgoing.once("upgrade", (_response, socket) => {
      socket.once("data", (data) => {
        resolve(String(data));
        socket.destroy();
      });
      socket.write("hello");
    });
  });
  outgoing.end();
  expect(await echoed).toBe("hello");
});

test("an endpoint on a port that is in use is refused; one without a wish gets the same port again", async () => {
  const { process: run, endpoint, client } = await setUp();
  const made = await run("v1");
  const blocker = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void blocker.close());
  await new Promise((resolve) => blocker.once("listening", resolve));
  const address = blocker.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const routes = [{ path: "/", upstream: made.url }];
  await expect(endpoint(routes, { port })).rejects.toThrow(`cannot listen on port ${port}. Stop what uses`);

  const web = await endpoint(routes);
  await client.remove(`/v1/endpoints/${web.id}`);
  await expect(fetch(web.url)).rejects.toThrow();
  expect((await endpoint(routes)).port).toBe(web.port);
});
