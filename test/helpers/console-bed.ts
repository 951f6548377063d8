import path from "node:path";
import type { Browser, Page } from "playwright-core";
import type { StackPath } from "../../automation/src/contract/index.ts";
import { LOOKS, openBrowser, watchedContext } from "./console.ts";
import { writeHarbourProject } from "./harbour-project.ts";
import { type Installation, newPlace, type Place, startInstallation } from "./installation.ts";
import { eventually } from "./waiting.ts";
import { seedDependencies } from "./worker.ts";

const ENDED_MS = 120_000;

/** An installation with a browser beside it. Whoever opens it closes it. */
export interface ConsoleBed {
  place: Place;
  installation: Installation;
  browser: Browser;
  /** Everything that a page must not do: errors on its console, requests to others. */
  complaints: string[];
  /** A page in a browser context of its own that nobody has signed in to. */
  newPage(): Promise<Page>;
  /** A page in a browser context of its own, signed in with a token. */
  signedIn(token: string): Promise<Page>;
  /** Waits until a deployment has one of these statuses. Throws when it fails instead. */
  reached(id: string, statuses: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export async function openConsoleBed(name: string): Promise<ConsoleBed> {
  const place = await newPlace(name);
  const installation = await startInstallation({ place });
  const browser = await openBrowser();
  const complaints: string[] = [];
  const newPage = async (): Promise<Page> =>
    (await watchedContext(browser, installation.baseUrl, LOOKS[0], complaints)).newPage();
  return {
    place,
    installation,
    browser,
    complaints,
    newPage,
    signedIn: async (token) => {
      const page = await newPage();
      await page.goto(`${installation.baseUrl}/#token=${token}`);
      await page.getByRole("heading", { level: 1, name: "Stacks" }).waitFor();
      return page;
    },
    reached: async (id, statuses) => {
      await eventually(`${id} is ${statuses.join(" or ")}`, ENDED_MS, async () => {
        const { status, failure } = await installation.client.getDeployment({ params: { id } });
        if (status === "failed" && !statuses.includes(status)) throw new Error(JSON.stringify(failure));
        return statuses.includes(status) || undefined;
      });
    },
    close: async () => {
      await browser.close();
      await installation.stop();
      place.remove();
    },
  };
}

/** The stack that `deployHarbour` makes. */
export const HARBOUR: StackPath = { organisation: "default", project: "harbour", stack: "prod" };

/** Registers the harbour project and deploys its first version. Answers its folder. */
export async function deployHarbour({ installation, place, reached }: ConsoleBed): Promise<string> {
  const { client, dataDir } = installation;
  const folder = writeHarbourProject(path.join(place.projects, "harbour"), "harbour", 1);
  seedDependencies(dataDir, folder);
  await client.createProject({ body: { name: "harbour", folder } });
  await client.createStack({ body: { project: "harbour", name: "prod" } });
  const { id } = await client.requestDeployment({ params: HARBOUR, body: { operation: "update" } });
  await reached(id, ["succeeded"]);
  return folder;
}
