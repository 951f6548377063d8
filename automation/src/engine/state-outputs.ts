import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { z } from "zod";
import { SlipwayError, systemCode } from "../errors.ts";

/** The key and the value by which Pulumi marks a secret inside a state. Source: sdk/go/common/resource/sig at 3.250.0. */
const SIGNATURE_KEY = "4dabf18193072939515e22adb298388d";
const SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";
const STACK_TYPE = "pulumi:pulumi:Stack";

const StateFile = z.object({
  checkpoint: z.object({
    latest: z
      .object({
        secrets_providers: z
          .object({ type: z.string(), state: z.record(z.string(), z.unknown()).nullish() })
          .nullish(),
        // Only the stack's own resource is looked into; there may be thousands.
        resources: z.array(z.unknown()).nullish(),
      })
      .nullish(),
  }),
});

const StackResource = z.object({
  type: z.literal(STACK_TYPE),
  outputs: z.record(z.string(), z.unknown()).nullish(),
});

/** What is read from a stack's state without starting the CLI. */
export interface StackState {
  /** The stack's outputs; each secret one is the marker `{secret: true}`. */
  outputs: Record<string, unknown>;
  /** The salt line of the passphrase secrets provider, when the state has one. */
  encryptionSalt: string | undefined;
}

/** A stack's name as the backend at `backendUrl` takes it: file backends know one organisation, called `organization`. */
export function backendStackName(backendUrl: string, stack: string): string {
  const { project, name } = stackParts(stack);
  return isFileBackend(backendUrl) ? `organization/${project}/${name}` : stack;
}

/** Takes `organization/project/stack` apart. Throws SlipwayError `invalid_stack_name` for any other form. */
export function stackParts(stack: string): { organization: string; project: string; name: string } {
  const [organization, project, name, ...rest] = stack.split("/");
  const parts = [organization, project, name];
  if (
    rest.length > 0 ||
    parts.some((part) => part === undefined || !/^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/u.test(part))
  ) {
    throw new SlipwayError("invalid_stack_name", "A stack is named organization/project/stack.");
  }
  return { organization: organization ?? "", project: project ?? "", name: name ?? "" };
}

/** Reads a stack's state from a `file://` backend; undefined when the stack does not exist there. */
export async function readStackState(backendUrl: string, stack: string): Promise<StackState | undefined> {
  const { project, name } = stackParts(stack);
  const file = join(backendFolder(backendUrl), ".pulumi", "stacks", project, `${name}.json`);
  const text = await readStateText(file);
  if (text === undefined) return undefined;
  const { latest } = StateFile.parse(JSON.parse(text)).checkpoint;
  const salt = latest?.secrets_providers?.state?.salt;
  const root = latest?.resources
    ?.map((resource) => StackResource.safeParse(resource))
    .find((parsed) => parsed.success);
  return {
    outputs: Object.fromEntries(
      Object.entries(root?.data?.outputs ?? {}).map(([key, value]) => [key, withoutSecrets(value)]),
    ),
    encryptionSalt: typeof salt === "string" ? salt : undefined,
  };
}

async function readStateText(file: string): Promise<string | undefined> {
  for (const [path, decode] of [
    [file, (bytes: Buffer) => Promise.resolve(bytes)],
    [`${file}.gz`, promisify(gunzip)],
  ] as const) {
    try {
      return (await decode(await readFile(path))).toString("utf8");
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
    }
  }
  return undefined;
}

/** True for a DIY backend in a folder of this machine. */
export function isFileBackend(backendUrl: string): boolean {
  return backendUrl.startsWith("file://");
}

/** The folder of a `file://` backend. Throws SlipwayError `unknown_backend` for any other. */
export function backendFolder(backendUrl: string): string {
  if (!isFileBackend(backendUrl)) {
    throw new SlipwayError("unknown_backend", "Outputs can be read from a file:// backend only.");
  }
  const path = decodeURIComponent(backendUrl.slice("file://".length).replace(/\?.*$/u, ""));
  return path.startsWith("~") ? join(homedir(), path.slice(1)) : path;
}

function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (value === null || typeof value !== "object") return value;
  if (Object.getOwnPropertyDescriptor(value, SIGNATURE_KEY)?.value === SECRET_SIGNATURE)
    return { secret: true };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutSecrets(item)]));
}
