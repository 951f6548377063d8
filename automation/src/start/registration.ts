import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { messageOf, SlipwayError, systemCode } from "../errors.ts";

const REQUEST_TIMEOUT_MS = 10_000;
const ORGANISATION = "default";
/** The stack that a fresh installation can deploy at once. */
const FIRST_STACK = "local";
const ProjectFile = z.object({ name: z.string().min(1) });

/** Name of the project in `<root>/Pulumi.yaml`; undefined when there is no such file. */
export function projectNameOf(root: string): string | undefined {
  const file = path.join(root, "Pulumi.yaml");
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    return ProjectFile.parse(parse(text)).name;
  } catch (cause) {
    throw new SlipwayError("project_file", `${file} cannot be read: ${messageOf(cause)}.`, { cause });
  }
}

/** Registers this repository as a project with stack `local`, over HTTP as anybody would. Answers false when it is known already. */
export async function registerProject(
  baseUrl: string,
  token: string,
  root: string,
  name: string,
): Promise<boolean> {
  const call = api(baseUrl, token);
  if ((await call("GET", `/v1/projects/${ORGANISATION}/${encodeURIComponent(name)}`)) !== 404) return false;
  await call("POST", "/v1/projects", { organisation: ORGANISATION, name, folder: root });
  await call("POST", "/v1/stacks", { organisation: ORGANISATION, project: name, name: FIRST_STACK });
  return true;
}

function api(baseUrl: string, token: string) {
  return async (method: "GET" | "POST", route: string, body?: Record<string, string>): Promise<number> => {
    const response = await fetch(new URL(route, baseUrl), {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    // 404: not registered yet. 409: another start was quicker.
    if (response.ok || response.status === 404 || response.status === 409) return response.status;
    throw new SlipwayError(
      "registration_failed",
      `Registering this repository was refused (${response.status}): ${text}`,
      {
        remedy: "npx slipway projects --help shows how to do it by hand.",
      },
    );
  };
}
