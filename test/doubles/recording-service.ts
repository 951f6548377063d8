import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { replayJournal } from "../../automation/src/state/journal/replay.ts";

/** One journaled update as the CLI sent it. */
export interface Recording {
  /** update, refresh, destroy: the path on which it was made. */
  kind: string;
  /** Text of the state that the CLI got before; null for none. */
  base: string | null;
  /** Text of each batch of entries, as it came. */
  batches: string[];
  ended: "succeeded" | "failed" | "cancelled" | "running";
}

interface Stack {
  id: string;
  state: string | null;
  version: number;
  tags: unknown;
  active: { id: string; recording: Recording } | undefined;
}

interface Answer {
  status: number;
  body?: unknown;
}

/** A service that does just what the CLI needs to journal updates, keeps all in memory, trusts everyone, and records. */
export interface RecordingService {
  url: string;
  /** All updates so far, oldest first. */
  recordings: Recording[];
  close(): Promise<void>;
}

const FOREVER_SECONDS = 10_000_000_000;
const EMPTY_STATE = {
  version: 3,
  deployment: { manifest: { time: "0001-01-01T00:00:00Z", magic: "", version: "" } },
};

/** Starts it on a port of its own. `cliVersion` goes into the states, with its `v`. */
export async function startRecordingService(cliVersion: string): Promise<RecordingService> {
  const stacks = new Map<string, Stack>();
  const recordings: Recording[] = [];
  const server = createServer((request, response) => {
    answerTo(request)
      .catch((error: unknown): Answer => ({ status: 500, body: { code: 500, message: String(error) } }))
      .then(({ status, body }) => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end(typeof body === "string" ? body : JSON.stringify(body ?? {}));
      })
      .catch((error: unknown) => server.emit("error", error));
  });

  async function answerTo(request: IncomingMessage): Promise<Answer> {
    const text = await bodyOf(request);
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://service").pathname);
    const [, , area, organisation, project, name, ...rest] = path.split("/");
    if (area === "user")
      return { status: 200, body: path.endsWith("default") ? { GitHubLogin: "acme", Messages: [] } : USER };
    if (area === "capabilities") return { status: 200, body: { capabilities: CAPABILITIES } };
    if (area !== "stacks" || project === undefined) return { status: 404, body: NOT_FOUND };
    if (name === undefined) return create(`${organisation}/${project}`, text);
    const stack = stacks.get(`${organisation}/${project}/${name}`);
    if (stack === undefined) return { status: 404, body: NOT_FOUND };
    const names = { orgName: organisation, projectName: project, stackName: name };
    if (rest.length === 0) {
      const body = {
        ...names,
        id: stack.id,
        activeUpdate: stack.active?.id ?? "",
        tags: stack.tags,
        version: stack.version,
      };
      return { status: 200, body };
    }
    return ofStack(stack, rest, text);
  }

  function create(folder: string, text: string): Answer {
    const { stackName, tags } = JSON.parse(text) as { stackName: string; tags?: unknown };
    stacks.set(`${folder}/${stackName}`, {
      id: randomUUID(),
      state: null,
      version: 0,
      tags: tags ?? {},
      active: undefined,
    });
    return { status: 200, body: {} };
  }

  function ofStack(stack: Stack, [verb = "", id = "", action = ""]: string[], text: string): Answer {
    if (verb === "export") return { status: 200, body: stack.state ?? JSON.stringify(EMPTY_STATE) };
    if (verb === "encrypt")
      return {
        status: 200,
        body: { ciphertext: sealed((JSON.parse(text) as { plaintext: string }).plaintext) },
      };
    if (verb === "decrypt")
      return {
        status: 200,
        body: { plaintext: opened((JSON.parse(text) as { ciphertext: string }).ciphertext) },
      };
    if (verb === "batch-encrypt") {
      return {
        status: 200,
        body: { ciphertexts: (JSON.parse(text) as { plaintexts: string[] }).plaintexts.map(sealed) },
      };
    }
    if (verb === "batch-decrypt") {
      const { ciphertexts } = JSON.parse(text) as { ciphertexts: string[] };
      return {
        status: 200,
        body: { plaintexts: Object.fromEntries(ciphertexts.map((one) => [one, opened(one)])) },
      };
    }
    if (verb === "import") {
      stack.state = text;
      stack.version++;
      return { status: 200, body: { updateId: randomUUID() } };
    }
    if (id === "") return { status: 200, body: { requiredPolicies: [], ...remember(verb, text) } };
    return ofUpdate(stack, id, action, text);
  }

  /** Kinds of updates that were made and not started, by what their creation said. */
  const made = new Map<string, { kind: string; isDryRun: boolean }>();
  function remember(kind: string, text: string): { updateID: string } {
    const { options } = JSON.parse(text) as { options?: { dryRun?: boolean } };
    const updateID = randomUUID();
    made.set(updateID, { kind, isDryRun: kind === "preview" || options?.dryRun === true });
    return { updateID };
  }

  function ofUpdate(stack: Stack, id: string, action: string, text: string): Answer {
    const recording = stack.active?.id === id ? stack.active.recording : undefined;
    switch (action) {
      case "": {
        const known = made.get(id);
        if (known === undefined) return { status: 200, body: { status: "succeeded", events: [] } };
        if (!known.isDryRun) {
          stack.active = {
            id,
            recording: { kind: known.kind, base: stack.state, batches: [], ended: "running" },
          };
          recordings.push(stack.active.recording);
        }
        const body = {
          version: ++stack.version,
          token: `t-${id}`,
          tokenExpiration: FOREVER_SECONDS,
          journalVersion: 1,
        };
        return { status: 200, body };
      }
      case "journalentries":
        if (recording === undefined)
          return { status: 403, body: { code: 403, message: "The update is over." } };
        recording.batches.push(entriesOf(text));
        return { status: 204 };
      case "complete":
      case "cancel":
        if (recording === undefined) return { status: 204 };
        recording.ended =
          action === "cancel" ? "cancelled" : (JSON.parse(text) as { status: "succeeded" | "failed" }).status;
        stack.state = replayJournal(recording.base, recording.batches, {
          manifestTime: new Date().toISOString(),
          cliVersion,
        }).text;
        stack.active = undefined;
        return { status: 204 };
      case "renew_lease":
        return { status: 200, body: { token: `t-${id}`, tokenExpiration: FOREVER_SECONDS } };
      default:
        return { status: 204 };
    }
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, recordings, close: () => closed(server) };
}

const NOT_FOUND = { code: 404, message: "Not found" };
const USER = {
  id: "user",
  githubLogin: "acme",
  name: "acme",
  email: "",
  avatarUrl: "",
  organizations: [{ githubLogin: "acme", name: "acme", avatarUrl: "" }],
  identities: [],
};
const CAPABILITIES = [
  { capability: "batch-encrypt" },
  { capability: "deployment-schema-version", version: 1, configuration: { version: 4 } },
];

/** The text of the list of entries in a request's body, byte for byte: `{"entries":[...]}` is how Go writes it. */
function entriesOf(body: string): string {
  return body.slice(body.indexOf("["), body.lastIndexOf("]") + 1);
}

/** No secret is kept by it: the plaintext is there for everyone who looks. */
function sealed(plaintext: string): string {
  return Buffer.from(`sealed:${plaintext}`).toString("base64");
}

function opened(ciphertext: string): string {
  return Buffer.from(ciphertext, "base64").toString("utf8").slice("sealed:".length);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  return (request.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes).toString("utf8");
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve, reject) =>
    server.close((error) => (error === undefined ? resolve() : reject(error))),
  );
}
