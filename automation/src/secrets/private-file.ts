import { randomUUID } from "node:crypto";
import { link, mkdir, open, readFile, rm, stat } from "node:fs/promises";
import path from "node:path";
import { SlipwayError, systemCode } from "../errors.ts";

/**
 * Reads a file that holds a secret, or makes it with what `make` answers. Answers its content and whether it was made now.
 * Two processes that start at once get the same content. Throws SlipwayError `secret_file_exposed` when others may read it.
 */
export async function readOrMakePrivateFile(
  file: string,
  make: () => string,
): Promise<{ content: string; made: boolean }> {
  const present = await readPrivateFile(file);
  if (present !== undefined) return { content: present, made: false };
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const content = make();
  const draft = `${file}.${randomUUID()}`;
  try {
    const handle = await open(draft, "wx", 0o600);
    try {
      await handle.writeFile(content);
      // A power cut after the first secret is sealed must not lose its key.
      await handle.sync();
    } finally {
      await handle.close();
    }
    // Unlike a rename, a link never replaces what another process has made meanwhile.
    await link(draft, file);
    return { content, made: true };
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
    return { content: (await readPrivateFile(file)) ?? content, made: false };
  } finally {
    await rm(draft, { force: true });
  }
}

/** The content of a file that holds a secret, undefined when it is not there. Throws SlipwayError `secret_file_exposed` when others may read it. */
export async function readPrivateFile(file: string): Promise<string | undefined> {
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) {
      throw new SlipwayError("secret_file_exposed", `${file} may be read by others.`, {
        remedy: `Run: chmod 600 ${file}`,
      });
    }
    return await readFile(file, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
