import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { createClient } from "../automation/src/client/index.ts";
import { loadCredentials } from "../automation/src/postgres/credentials.ts";
import { findFolders } from "../automation/src/postgres/location.ts";
import { readPostmasterFile } from "../automation/src/postgres/postmaster-file.ts";
import { connectionUrl } from "../automation/src/postgres/roles.ts";
import type { Figure } from "./figure.ts";
import { median, percentile, printTable } from "./figure.ts";
import type { Client, Installation } from "./installation.ts";
import { freePort, startInstallation } from "./installation.ts";
import type { BenchOptions } from "./options.ts";

const FEW = 1_000;
const MANY = 50_000;
/** So that every stack has a full page of them, also in the smaller list. */
const STACKS = 20;
/** One stack in so many belongs to a second organisation, whose member sees nothing else. */
const STACKS_PER_SMALL = 20;
const DEFAULT_PAIRS = 1_000;
const WARM_UP_PAIRS = 30;
const PAGE = 50;
/** Of what is rare, so that the page is full in the smaller list too. */
const RARE_PAGE = 10;
const RATIO_LIMIT = 1.5;
const SMALL = "small";
const MEMBER = "mia";

/** An installation with so many deployments in it. */
interface Bed {
  installation: Installation;
  /** Of the owner and of a member of the small organisation. */
  owner: Client;
  member: Client;
  /** A page in the middle of the list begins here. */
  middle: string;
}

/** One way to look at the list; answers how many rows came. */
type Look = (bed: Bed) => Promise<{ items: readonly unknown[] }>;

const STACK = { organisation: "default", project: "bench-list", stack: "stack-1" };
const LOOKS: Readonly<Record<string, Look>> = {
  newest: ({ owner }) => owner.listDeployments({ query: { limit: PAGE } }),
  "status failed (2 %)": ({ owner }) =>
    owner.listDeployments({ query: { limit: RARE_PAGE, status: "failed" } }),
  "operation destroy (5 %)": ({ owner }) =>
    owner.listDeployments({ query: { limit: RARE_PAGE, operation: "destroy" } }),
  "failed destroys (1 %)": ({ owner }) =>
    owner.listDeployments({ query: { limit: RARE_PAGE, status: "failed", operation: "destroy" } }),
  "one stack": ({ owner }) => owner.listStackDeployments({ params: STACK, query: { limit: PAGE } }),
  "a page in the middle": ({ owner, middle }) =>
    owner.listDeployments({ query: { limit: PAGE, after: middle } }),
  "a member of an organisation with 5 %": ({ member }) => member.listDeployments({ query: { limit: PAGE } }),
};

/**
 * Lists and filters deployments over HTTP in two installations in turns, one with 1,000 and one with 50,000 of them (`--pairs N`: looks of each kind; `--deployments N`: the
 * larger number, for example 1,000,000). The figure is the largest ratio of the two 99th percentiles over all kinds of looks.
 */
export async function measureList({ pairs, quick, deployments }: BenchOptions): Promise<Figure[]> {
  const many = deployments ?? (quick ? 5_000 : MANY);
  const folder = await mkdtemp(join(tmpdir(), "slipway-bench-"));
  const beds: Bed[] = [];
  try {
    for (const count of [FEW, many]) {
      beds.push(await prepare(join(folder, String(count)), count));
      console.log(`${count} deployments are there`);
    }
    const [few, lots] = beds;
    if (few === undefined || lots === undefined) throw new Error("There are two installations.");
    const rows: string[][] = [];
    const ratios: number[] = [];
    for (const [name, look] of Object.entries(LOOKS)) {
      const [small, large] = await inTurns(few, lots, look, quick ? 60 : (pairs ?? DEFAULT_PAIRS));
      const ratio = percentile(large, 0.99) / percentile(small, 0.99);
      ratios.push(ratio);
      rows.push([
        name,
        ...[median(small), median(large), percentile(small, 0.99), percentile(large, 0.99)].map((ms) =>
          ms.toFixed(1),
        ),
        ratio.toFixed(2),
      ]);
    }
    printTable(["look", "median ms", `of ${many}`, "p99 ms", `of ${many}`, "ratio"], rows);
    const worst = Math.max(...ratios);
    return [
      {
        name: "list p99 ratio",
        value: worst,
        limit: RATIO_LIMIT,
        text: worst.toFixed(2),
        limitText: String(RATIO_LIMIT),
      },
    ];
  } finally {
    for (const { installation } of beds) await installation.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Times of both, one after the other, the first to go changing each time. */
async function inTurns(few: Bed, lots: Bed, look: Look, pairs: number): Promise<[number[], number[]]> {
  const size = (await look(few)).items.length;
  const [small, large]: [number[], number[]] = [[], []];
  for (let pair = -WARM_UP_PAIRS; pair < pairs; pair += 1) {
    const order = [
      { bed: few, times: small },
      { bed: lots, times: large },
    ];
    for (const { bed, times } of pair % 2 === 0 ? order : order.toReversed()) {
      const began = performance.now();
      const { items } = await look(bed);
      const took = performance.now() - began;
      if (items.length !== size) throw new Error(`A look of the bench found ${items.length} of ${size}.`);
      if (pair >= 0) times.push(took);
    }
  }
  return [small, large];
}

async function prepare(dataDir: string, count: number): Promise<Bed> {
  const installation = await startInstallation(dataDir, await freePort(), []);
  const owner = installation.client;
  const { dir, cluster } = findFolders(join(dataDir, "postgres"));
  const port = readPostmasterFile(cluster)?.port;
  if (port === undefined) throw new Error("The installation has no Postgres of its own; unset DATABASE_URL.");
  await owner.createOrganisation({ body: { name: SMALL } });
  await owner.setMember({ params: { organisation: SMALL, member: MEMBER }, body: { role: "viewer" } });
  const { value: token } = await owner.createToken({ body: { name: "bench", principal: `user:${MEMBER}` } });
  const url = connectionUrl(port, "postgres", loadCredentials(dir).admin, "slipway");
  const client = new pg.Client({ connectionString: `${url}?sslmode=disable` });
  await client.connect();
  try {
    await fill(client, count);
  } finally {
    await client.end();
  }
  const middle = await cursorAfter(owner, Math.min(count / 2, 10 * PAGE));
  return {
    installation,
    owner,
    member: createClient({ baseUrl: installation.baseUrl, token }),
    middle,
  };
}

/** Deployments of the past with an attempt each, on stacks of two organisations; none of them is to be run. */
async function fill(client: pg.Client, count: number): Promise<void> {
  await client.query("begin");
  await client.query(`
    insert into projects (id, organisation, name)
    values (gen_random_uuid(), 'default', 'bench-list'), (gen_random_uuid(), '${SMALL}', 'bench-list')`);
  await client.query(
    `insert into stacks (id, project_id, name, next_deployment)
     select gen_random_uuid(), p.id, 'stack-' || n, $1::integer + 1
     from generate_series(1, $2::integer) n
     join projects p on p.name = 'bench-list' and p.organisation = case when n % $3::integer = 0 then '${SMALL}' else 'default' end`,
    [count, STACKS, STACKS_PER_SMALL],
  );
  const worker = await client.query<{ id: string }>(
    "insert into workers (id, host) values (gen_random_uuid(), 'bench') returning id",
  );
  await client.query(
    `with numbered as (
       select id as stack_id, row_number() over (order by id) - 1 as place from stacks where name like 'stack-%'
     )
     insert into deployments (id, stack_id, number, operation, status, message, requested_by, config_digest,
       requested_at, started_at, finished_at, changes, failure)
     select gen_random_uuid(), s.stack_id, n, case when n % 20 = 7 then 'destroy' else 'update' end,
       case when n % 50 = 7 then 'failed' else 'succeeded' end, 'deployment ' || n, 'bench', $3,
       at.at, at.at, at.at + interval '40 seconds', '{"update": 3, "same": 120}',
       case when n % 50 = 7 then '{"code":"update_failed","detail":"A resource failed.","remedy":null}'::jsonb end
     from generate_series(1, $1::integer) n
     join numbered s on s.place = n % $2::integer
     cross join lateral (select now() - ($1::integer - n) * interval '37 seconds' as at) at`,
    [count, STACKS, `hmac-sha256:${randomBytes(32).toString("hex")}`],
  );
  await client.query(
    `insert into attempts (id, deployment_id, number, worker_id, epoch, status, finished_at)
     select gen_random_uuid(), d.id, 1, $1, d.number, d.status, d.finished_at from deployments d`,
    [worker.rows[0]?.id],
  );
  await client.query("commit");
  await client.query("vacuum analyze");
}

async function cursorAfter(owner: Client, count: number): Promise<string> {
  let after: string | undefined;
  for (let seen = 0; seen < count; seen += PAGE) {
    const page = await owner.listDeployments({
      query: { limit: PAGE, ...(after === undefined ? {} : { after }) },
    });
    if (page.next === null) throw new Error("The list ends before its middle.");
    after = page.next;
  }
  if (after === undefined) throw new Error("There is no middle of nothing.");
  return after;
}
