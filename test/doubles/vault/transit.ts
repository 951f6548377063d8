import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** Stands in for HashiCorp Vault with a transit engine at `transit/`: its paths, statuses and error texts, and real AES-256-GCM. */
export interface TransitDouble {
  url: string;
  /** May update encrypt/ and decrypt/, and create nothing. */
  token: string;
  /** Makes a key, in place of the one of that name. */
  makeKey(name: string): void;
  setSealed(isSealed: boolean): void;
  /** As before 1.13, when associated data was not known. */
  setForgetful(isForgetful: boolean): void;
  /** `encrypt/<key>` and `decrypt/<key>` of all requests since the last call. */
  requests(): string[];
  close(): Promise<void>;
}

const TAG_BYTES = 16;
const NONCE_BYTES = 12;

interface Refusal {
  status: number;
  error: string;
}

export async function startTransit(): Promise<TransitDouble> {
  const token = `hvs.${randomBytes(16).toString("hex")}`;
  const keys = new Map<string, Buffer>();
  let isSealed = false;
  let isForgetful = false;
  let requests: string[] = [];

  const answer = (request: IncomingMessage, body: Record<string, string>): object | Refusal => {
    const [, verb = "", name = ""] =
      /^\/v1\/transit\/(encrypt|decrypt)\/([\w-]+)$/.exec(request.url ?? "") ?? [];
    requests.push(`${verb}/${name}`);
    if (isSealed) return { status: 503, error: "Vault is sealed" };
    if (request.headers["x-vault-token"] !== token) return { status: 403, error: "permission denied" };
    if (request.method !== "POST" || verb === "") return { status: 404, error: "no handler for route" };
    const key = keys.get(name);
    // Encrypting with a name that is not there would create the key, which this token may not.
    if (key === undefined) {
      return verb === "encrypt"
        ? { status: 403, error: "permission denied" }
        : { status: 400, error: "encryption key not found" };
    }
    const context = isForgetful ? Buffer.alloc(0) : Buffer.from(body.associated_data ?? "", "base64");
    if (verb === "encrypt") {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(context);
      const clear = Buffer.from(body.plaintext ?? "", "base64");
      const bytes = Buffer.concat([nonce, cipher.update(clear), cipher.final(), cipher.getAuthTag()]);
      return { data: { ciphertext: `vault:v1:${bytes.toString("base64")}`, key_version: 1 } };
    }
    const [, sealed] = /^vault:v1:(.+)$/.exec(body.ciphertext ?? "") ?? [];
    if (sealed === undefined) return { status: 400, error: "invalid ciphertext: no prefix" };
    try {
      const bytes = Buffer.from(sealed, "base64");
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      })
        .setAAD(context)
        .setAuthTag(bytes.subarray(-TAG_BYTES));
      const clear = Buffer.concat([
        decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)),
        decipher.final(),
      ]);
      return { data: { plaintext: clear.toString("base64") } };
    } catch {
      return { status: 400, error: "cipher: message authentication failed" };
    }
  };

  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => {
      text += chunk;
    });
    request.on("end", () => {
      const result = answer(request, JSON.parse(text === "" ? "{}" : text) as Record<string, string>);
      const isRefusal = "error" in result;
      response.writeHead(isRefusal ? result.status : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(isRefusal ? { errors: [result.error] } : result));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    makeKey: (name) => keys.set(name, randomBytes(32)),
    setSealed: (sealed) => {
      isSealed = sealed;
    },
    setForgetful: (forgetful) => {
      isForgetful = forgetful;
    },
    requests: () => {
      const seen = requests;
      requests = [];
      return seen;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
