import type { Browser, Page } from "playwright-core";
import { findBrowser } from "../../automation/src/aws/validation/browse.ts";

const SHOWN_WITHIN_MS = 30_000;
const VIEWPORT = { width: 1280, height: 900 };

/** The console in a browser, signed in. */
export interface Console {
  /** Opens a page and waits until it shows all of `texts`. Answers its heading. Throws when one does not appear. */
  see(path: string, ...texts: string[]): Promise<string>;
  close(): Promise<void>;
}

/** Opens the console of a Slipway; `missing` says why that cannot be done on this machine. */
export async function openConsole(url: string, token: string): Promise<Console | { missing: string }> {
  const found = await findBrowser(process.env.CHROMIUM ?? null);
  if (found.missing !== undefined) return { missing: found.missing };
  const browser: Browser = await found.driver.launch({
    executablePath: found.executablePath,
    args: [
      "--disable-background-networking",
      // Root has no user namespace to put the browser into.
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
    ],
  });
  const page: Page = await browser.newPage({ viewport: VIEWPORT });
  page.setDefaultTimeout(SHOWN_WITHIN_MS);
  await page.goto(`${url}/#token=${token}`);
  await page.getByRole("heading", { level: 1, name: "Stacks" }).waitFor();
  return {
    see: async (path, ...texts) => {
      await page.goto(`${url}${path}`);
      for (const text of texts) await page.getByText(text).first().waitFor();
      return (await page.getByRole("heading", { level: 1 }).innerText()).replaceAll(/\s+/g, " ");
    },
    close: () => browser.close(),
  };
}
