import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { bearer, tokenOf } from "../../../test/helpers/access.ts";
import type { AnswerBody, TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { endDeployment, recordRelease, startDeployment } from "../../../test/helpers/records.ts";
import { advanceOnce } from "./advance.ts";

const never = new AbortController().signal;
const NAMES = ["local", "test", "eu", "us"];

let api: TestApi;
let project: string;
let count = 0;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());
beforeEach(async () => {
  count += 1;
  project = `fleet${count}`;
  await api.makeStack(project, "local");
  for (const name of NAMES.slice(1)) await api.ask("POST", "/v1/stacks", { body: { project, name } });
});

const logger = { info: () => {}, error: (details: object) => expect(details).toBeUndefined() };
/** A pass of each of so many servers at the same moment. */
const advance = async (servers = 1): Promise<void> => {
  await Promise.all(
    Array.from({ length: servers }, () => advanceOnce({ ...api.dependencies, logger }, never)),
  );
};

interface Shown {
  id: string;
  status: string;
  detail: string | null;
  stacks: { stack: string; state: string; deployment: { id: string } | null; from: string | null }[];
}

async function deliver(more: Record<string, unknown> = {}): Promise<Shown> {
  const body = { project, waves: [["local"], ["test"], ["eu", "us"]], ...more };
  const answer = await api.ask("POST", "/v1/deliveries", { body });
  expect(answer.status, answer.text).toBe(201);
  return answer.body as unknown as Shown;
}

async function read({ id }: Pick<Shown, "id">): Promise<Shown> {
  return (await api.ask("GET", `/v1/deliveries/${id}`)).body as unknown as Shown;
}

async function states(delivery: Shown): Promise<string> {
  const { status, stacks } = await read(delivery);
  return [status, ...stacks.map(({ state }) => state)].join(" ");
}

async function deploymentOf(delivery: Shown, stack: string): Promise<string> {
  const found = (await read(delivery)).stacks.find((one) => one.stack === stack)?.deployment;
  expect(found, `${stack} was begun`).not.toBeNull();
  return found?.id ?? "";
}

const good = async (delivery: Shown, stack: string): Promise<number> =>
  recordRelease(api.db, await deploymentOf(delivery, stack), "good");

async function deployments(stack: string): Promise<AnswerBody[]> {
  return (await api.ask("GET", `/v1/stacks/default/${project}/${stack}/deployments`)).body.items;
}

async function actions(): Promise<unknown[]> {
  const { body } = await api.ask("GET", `/v1/audit?organisation=default&project=${project}&limit=200`);
  return body.items.map(({ action }) => action).filter((action) => String(action).startsWith("delivery."));
}

test("a delivery brings the release of its first stack to each wave, once the one before is good, whoever advances it", async () => {
  const delivery = await deliver({ message: "autumn" });
  expect(await states(delivery)).toBe("running queued waiting waiting waiting");
  await advance(4);
  expect(await states(delivery)).toBe("running queued waiting waiting waiting");
  await good(delivery, "local");
  await advance(4);
  expect(await states(delivery)).toBe("running good queued waiting waiting");
  await good(delivery, "test");
  await advance(4);
  expect(await states(delivery)).toBe("running good good queued queued");
  await good(delivery, "us");
  await advance();
  expect(await states(delivery)).toBe("running good good queued good");
  await good(delivery, "eu");
  await advance(4);
  expect(await states(delivery)).toBe("succeeded good good good good");
  for (const [stack, from] of [
    ["test", "local"],
    ["eu", "test"],
    ["us", "test"],
  ] as const) {
    const found = await deployments(stack);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({
      message: "autumn",
      requestedBy: "owner",
      promotedFrom: { stack: from, release: 1 },
    });
  }
  expect(await actions()).toEqual(["delivery.succeeded", "delivery.created"]);
});

test("a server that was slow finds what another one has begun meanwhile, and begins nothing twice", async () => {
  const delivery = await deliver();
  await good(delivery, "local");
  const { artifacts } = api.dependencies;
  const slow = {
    ...artifacts,
    read: async (digest: string) => {
      await advance();
      return artifacts.read(digest);
    },
  };
  await advanceOnce({ ...api.dependencies, artifacts: slow, logger }, never);
  expect(await states(delivery)).toBe("running good queued waiting waiting");
  expect(await deployments("test")).toHaveLength(1);
});

test("a delivery takes the release that it brought, not one that was made there since", async () => {
  const delivery = await deliver();
  await good(delivery, "local");
  const other = await api.ask("POST", `/v1/stacks/default/${project}/local/deployments`, {
    body: { operation: "update" },
  });
  await recordRelease(api.db, other.body.id, "good");
  await advance();
  expect((await deployments("test"))[0]).toMatchObject({ promotedFrom: { stack: "local", release: 1 } });
});

test("a delivery stops at the first stack that is not good, and says so to people", async () => {
  const delivery = await deliver();
  await good(delivery, "local");
  await advance();
  await recordRelease(api.db, await deploymentOf(delivery, "test"), "bad");
  await advance(4);
  expect(await states(delivery)).toBe("stopped good not_good left_out left_out");
  expect(await deployments("eu")).toEqual([]);
  expect(await actions()).toEqual(["delivery.stopped", "delivery.created"]);
  const told = await api.db
    .selectFrom("notifications")
    .selectAll()
    .where("kind", "=", "delivery.stopped")
    .execute();
  expect(told.filter(({ subject }) => subject === `default/${project}/test`)).toHaveLength(1);
});

test("of a wave that is not good what has not begun is cancelled, and what runs is waited for", async () => {
  const local = await deliver({ waves: [["local"]] });
  await good(local, "local");
  await advance();
  const delivery = await deliver({ from: { stack: "local" }, waves: [["test", "eu", "us"]] });
  await advance();
  expect(await states(delivery)).toBe("running queued queued queued");
  await startDeployment(api.db, await deploymentOf(delivery, "us"));
  await endDeployment(api.db, await deploymentOf(delivery, "test"), "failed");
  await advance();
  expect(await states(delivery)).toBe("stopped not_good not_good running");
  expect((await deployments("eu"))[0]?.status).toBe("cancelled");
  expect((await api.ask("GET", `/v1/deliveries/${delivery.id}`)).body.endedAt).toBeNull();
  await good(delivery, "us");
  await advance();
  expect(await states(delivery)).toBe("stopped not_good not_good good");
  expect((await api.ask("GET", `/v1/deliveries/${delivery.id}`)).body.endedAt).not.toBeNull();
});

test("a delivery that is paused begins nothing, goes on when it is resumed, and ends when it is cancelled", async () => {
  const delivery = await deliver();
  const ask = (what: string) => api.ask("POST", `/v1/deliveries/${delivery.id}/${what}`);
  expect((await ask("pause")).body).toMatchObject({ status: "paused", pausedBy: "owner" });
  await good(delivery, "local");
  await advance();
  expect(await states(delivery)).toBe("paused good waiting waiting waiting");
  expect((await ask("resume")).body.status).toBe("running");
  await advance();
  expect(await states(delivery)).toBe("running good queued waiting waiting");
  expect((await ask("cancel")).body).toMatchObject({ status: "cancelled", cancelledBy: "owner" });
  expect((await deployments("test"))[0]?.status).toBe("cancelled");
  await advance();
  expect(await states(delivery)).toBe("cancelled good not_good left_out left_out");
  expect((await ask("resume")).status).toBe(409);
  expect(await actions()).toEqual([
    "delivery.cancelled",
    "delivery.cancel_requested",
    "delivery.resumed",
    "delivery.paused",
    "delivery.created",
  ]);
});

test("a stack that refuses what is brought stops the delivery and keeps why", async () => {
  const delivery = await deliver();
  await good(delivery, "local");
  // The order was set after the delivery was asked for.
  await api.ask("PUT", `/v1/projects/default/${project}/environments`, {
    body: { stacks: [{ stack: "eu" }, { stack: "test", onlyPromoted: true }] },
  });
  await advance();
  expect(await states(delivery)).toBe("stopped good refused left_out left_out");
  expect((await read(delivery)).detail).toContain("test takes releases of eu, not of local");
});

test("nobody's rights grow: a delivery goes on with those of who asked for it", async () => {
  const token = await tokenOf(api, "drew", { default: "deployer" });
  const answer = await api.ask("POST", "/v1/deliveries", {
    body: { project, waves: [["local"], ["test"]] },
    headers: bearer(token),
  });
  const delivery = answer.body as unknown as Shown;
  await good(delivery, "local");
  await api.ask("PUT", "/v1/organisations/default/members/drew", { body: { role: "viewer" } });
  await advance();
  expect(await states(delivery)).toBe("stopped good refused");
  const viewers = await api.ask("POST", "/v1/deliveries", {
    body: { project, waves: [["local"]] },
    headers: bearer(token),
  });
  expect(viewers.status).toBe(403);
});

test("a delivery that names what is not there, or twice, is refused and leaves nothing", async () => {
  const codes = [];
  for (const body of [
    { project, waves: [["local"], ["nowhere"]] },
    { project: "nothing", waves: [["local"]] },
    { project, waves: [["local"], ["local"]] },
    { project, waves: [["eu", "us"]] },
    { project, waves: [[]] },
    { project, from: { stack: "test" }, waves: [["eu"]] },
    { project, from: { stack: "nowhere" }, waves: [["eu"]] },
  ]) {
    const answer = await api.ask("POST", "/v1/deliveries", { body });
    codes.push(`${answer.status} ${answer.body.code}`);
  }
  expect(codes).toEqual([
    "404 not_found",
    "404 not_found",
    "422 invalid_request",
    "422 invalid_request",
    "422 invalid_request",
    "404 release_not_found",
    "404 not_found",
  ]);
  for (const name of NAMES) expect(await deployments(name)).toEqual([]);
  const { body } = await api.ask("GET", `/v1/deliveries?project=${project}`);
  expect(body.items).toEqual([]);
});

test("the same request with the same key makes one delivery", async () => {
  const once = () =>
    api.ask("POST", "/v1/deliveries", {
      body: { project, waves: [["local"]] },
      headers: { ...bearer(api.token), "idempotency-key": project },
    });
  const [one, other] = [await once(), await once()];
  expect(one.body.id).toBe(other.body.id);
  expect(await deployments("local")).toHaveLength(1);
});
