import { Agent, get } from "node:http";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { temporaryFolder } from "./helpers/folders.ts";
import { bundleOf, fakeServer, startKeeperProcess, trial } from "./local-target-support.ts";

const REQUESTS_PER_SECOND = 200;
const VISITORS = 20;
const BETWEEN_DEPLOYMENTS_MS = 1500;
const REQUEST_TIMEOUT_MS = 10_000;

const program = `
  import pulumi from "@pulumi/pulumi";
  import { Endpoint } from "#infra/components/local/endpoint.ts";
  import { Process } from "#infra/components/local/process.ts";
  const config = new pulumi.Config();
  const api = new Process("api", {
    name: "api",
    bundle: config.requireObject("bundle"),
    command: ["node", "server.mjs"],
    healthTimeoutSeconds: 2,
  });
  export const url = new Endpoint("web", { name: "web", routes: [{ path: "/", upstream: api.url }] }).url;
`;

test("two deployments, a failed one and a rollback under 200 requests a second lose none, and show v1, v2, v1", async () => {
  const folder = temporaryFolder("load");
  const keeper = await startKeeperProcess(path.join(folder, "data"));
  const stack = await trial(folder, program, keeper.socket);
  const bundle = async (name: string, server: string) =>
    JSON.stringify(await bundleOf(path.join(folder, name), { "server.mjs": server }));
  const first = await bundle("v1", fakeServer("v1"));
  const second = await bundle("v2", fakeServer("v2"));
  const broken = await bundle("broken", fakeServer("v3", 500));

  const deploy = async (value: string) => {
    stack.set("bundle", value);
    return await stack.pulumi("up", "--yes", "--skip-preview");
  };
  const initial = await deploy(first);
  expect(initial.code, initial.output).toBe(0);
  const load = startLoad(await stack.output("url"));

  await sleep(BETWEEN_DEPLOYMENTS_MS);
  expect((await deploy(second)).code).toBe(0);
  await sleep(BETWEEN_DEPLOYMENTS_MS);
  const failed = await deploy(broken);
  expect(failed.code).not.toBe(0);
  expect(failed.output).toContain("/healthz answered 500 for 2 s");
  await sleep(BETWEEN_DEPLOYMENTS_MS);
  expect((await deploy(first)).code).toBe(0);
  await sleep(BETWEEN_DEPLOYMENTS_MS);

  const { failures, seen, rate, total } = await load.end();
  console.log(`${total} requests, ${rate.toFixed(0)} a second, ${failures.length} failed`);
  expect(failures).toEqual([]);
  for (const versions of seen) expect(versions).toEqual(["v1", "v2", "v1"]);
  expect(rate).toBeGreaterThan(REQUESTS_PER_SECOND * 0.95);
  const destroyed = await stack.pulumi("destroy", "--yes", "--skip-preview");
  expect(destroyed.code, destroyed.output).toBe(0);
});

/**
 * Visitors who each ask again and again at fixed times, one request after the other, so that what each sees has an order. Half
 * of them keep their connection, half open a new one each time. Some answers take longer, so that there are some in flight at
 * every moment.
 */
function startLoad(url: string) {
  const stop = new AbortController();
  const failures: string[] = [];
  const start = performance.now();
  let total = 0;
  const visit = async (visitor: number): Promise<string[]> => {
    const agent = new Agent({ keepAlive: visitor % 2 === 0, maxSockets: 1 });
    const versions: string[] = [];
    const pauseMs = (1000 / REQUESTS_PER_SECOND) * VISITORS;
    for (let count = 0; !stop.signal.aborted; count += 1) {
      const due = start + (visitor / VISITORS + count) * pauseMs;
      await sleep(Math.max(0, due - performance.now()));
      total += 1;
      try {
        const version = await ask(`${url}/?wait=${(count % 4) * 10}`, agent);
        if (versions.at(-1) !== version) versions.push(version);
      } catch (thrown) {
        failures.push(String(thrown));
      }
    }
    agent.destroy();
    return versions;
  };
  const visits = Promise.all(Array.from({ length: VISITORS }, (_, visitor) => visit(visitor)));
  return {
    async end() {
      const rate = total / ((performance.now() - start) / 1000);
      stop.abort();
      return { seen: await visits, failures, rate, total };
    },
  };
}

function ask(url: string, agent: Agent): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const request = get(url, { agent, timeout: REQUEST_TIMEOUT_MS }, (response) => {
    let body = "";
    response.on("data", (chunk) => (body += String(chunk)));
    response.once("error", reject);
    response.once("end", () =>
      response.statusCode === 200 ? resolve(body) : reject(new Error(`${response.statusCode}: ${body}`)),
    );
  });
  request.once("timeout", () => request.destroy(new Error("timed out")));
  request.once("error", reject);
  return promise;
}
