import dgram from "node:dgram";
import { once } from "node:events";

/** What a name has. */
export interface DnsRecords {
  a?: readonly string[];
  aaaa?: readonly string[];
  ns?: readonly string[];
}

export interface DnsServer {
  /** `address:port`. */
  address: string;
  /** By name, without a dot at its end; changes count at once. */
  records: Record<string, DnsRecords>;
  stop(): Promise<void>;
}

const TYPES = { a: 1, ns: 2, aaaa: 28 } as const;
const NO_SUCH_NAME = 3;
const TTL_S = 1;

/** What a name has at the moment; undefined: there is no such name. */
export type LookUp = (name: string) => Promise<DnsRecords | undefined>;

/** A name server for tests (RFC 1035, one question a message, UDP). */
export async function startDnsServer(known: Record<string, DnsRecords> | LookUp): Promise<DnsServer> {
  const records = typeof known === "function" ? {} : known;
  const lookUp: LookUp = typeof known === "function" ? known : (name) => Promise.resolve(records[name]);
  const socket = dgram.createSocket("udp4");
  let isOpen = true;
  socket.on("message", (query, from) => {
    answerTo(query, lookUp).then(
      (answer) => {
        if (isOpen) socket.send(answer, from.port, from.address);
      },
      // Nothing is answered, as by a name server that fails.
      () => undefined,
    );
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    address: `127.0.0.1:${socket.address().port}`,
    records,
    stop: async () => {
      isOpen = false;
      socket.close();
      await once(socket, "close");
    },
  };
}

async function answerTo(query: Buffer, lookUp: LookUp): Promise<Buffer> {
  let at = 12;
  const labels: string[] = [];
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  const type = query.readUInt16BE(at + 1);
  const question = query.subarray(12, at + 5);
  const found = await lookUp(labels.join(".").toLowerCase());
  const values = dataOf(found, type);
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  // An answer, with authority, to a question that may be asked on.
  header.writeUInt16BE(0x8580 | (found === undefined ? NO_SUCH_NAME : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(values.length, 6);
  const answers = values.map((data) => {
    const head = Buffer.alloc(12);
    // The name is the question's, at offset 12.
    head.writeUInt16BE(0xc00c, 0);
    head.writeUInt16BE(type, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt32BE(TTL_S, 6);
    head.writeUInt16BE(data.length, 10);
    return Buffer.concat([head, data]);
  });
  return Buffer.concat([header, question, ...answers]);
}

function dataOf(found: DnsRecords | undefined, type: number): Buffer[] {
  if (type === TYPES.a) return (found?.a ?? []).map((one) => Buffer.from(one.split(".").map(Number)));
  if (type === TYPES.ns) return (found?.ns ?? []).map(nameData);
  if (type === TYPES.aaaa) return (found?.aaaa ?? []).map(addressData);
  return [];
}

function nameData(name: string): Buffer {
  const labels = name.split(".").map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`));
  return Buffer.concat([...labels, Buffer.from([0])]);
}

/** An address of IPv6 without `::`. */
function addressData(address: string): Buffer {
  return Buffer.from(
    address.split(":").flatMap((part) => [Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 255]),
  );
}
