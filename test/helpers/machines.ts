import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import type { Server, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

/** A locally administered address that no interface has. */
const NOBODY = "02:00:00:00:00:01";
const FIRST_MACHINE = 11;
/** Held down so long out of each second, the link loses 30 % of what is sent. */
const FLAP_DOWN_SECONDS = 0.3;
const FLAP_UP_SECONDS = 0.7;

/** Something like a machine of its own: network, process ids and data folder; only the database and what the test passes to it are shared. */
export interface Machine {
  name: string;
  address: string;
  dataDir: string;
  /** Runs a command with the machine's network. */
  network: readonly string[];
  /** Runs a command with the machine's network and process ids; ending it ends all that it started. */
  whole: readonly string[];
  /** Pulls the cable. */
  unplug(): void;
  plug(): void;
  /** What the machine sends to everybody else is dropped, without any error; it still hears. */
  mute(): void;
  /** What the host (with the database) sends to the machine is dropped; it is still heard. */
  deafen(): void;
  /** Takes back `mute` and `deafen`. */
  restore(): void;
  /** Loses 30 % of what is sent, until the answered function is called: packet by packet where the kernel can, else in bursts. */
  lose(): { how: "netem" | "bursts"; stop: () => Promise<void> };
}

/** Machines on one network segment, with the host of the test as one of them. */
export interface Network {
  /** Of the host. */
  address: string;
  /** The connection string of a database of the host, as the machines reach it. */
  reachable(databaseUrl: string): Promise<string>;
  machine(name: string): Machine;
  /** Removes machines, folders and network. */
  close(): Promise<void>;
}

/** Says why this machine cannot make networks; null when it can. */
export function noNetworks(): string | null {
  if (process.platform !== "linux") return "needs Linux: network namespaces";
  if (process.getuid?.() !== 0) return "needs root: network namespaces, bridges and process ids of their own";
  try {
    ip("netns", "list");
    return null;
  } catch {
    return "needs the program ip (package iproute2)";
  }
}

/** Makes a bridge with an address of its own. Needs root. */
export function makeNetwork(): Network {
  const id = (process.pid % 46_656).toString(36);
  const bridge = `slpb${id}`;
  const prefix = freePrefix();
  const address = `${prefix}.1`;
  ip("link", "add", bridge, "type", "bridge");
  ip("addr", "add", `${address}/24`, "dev", bridge);
  ip("link", "set", bridge, "up");
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), "slipway-machines-")));
  const machines: { namespace: string; veth: string }[] = [];
  const servers: Server[] = [];
  const sockets = new Set<Socket>();

  const machine = (name: string): Machine => {
    const namespace = `slp${id}-${name}`;
    const veth = `slp${id}${machines.length}`;
    const own = `${prefix}.${FIRST_MACHINE + machines.length}`;
    machines.push({ namespace, veth });
    ip("netns", "add", namespace);
    ip("link", "add", veth, "type", "veth", "peer", "name", "eth0", "netns", namespace);
    ip("link", "set", veth, "master", bridge, "up");
    ip("-n", namespace, "addr", "add", `${own}/24`, "dev", "eth0");
    for (const link of ["lo", "eth0"]) ip("-n", namespace, "link", "set", link, "up");
    const dataDir = path.join(folder, name);
    mkdirSync(dataDir, { mode: 0o700 });
    const network = ["ip", "netns", "exec", namespace];
    const plug = (): void => ip("link", "set", veth, "up");
    const unplug = (): void => ip("link", "set", veth, "down");
    return {
      name,
      address: own,
      dataDir,
      network,
      whole: [...network, "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"],
      plug,
      unplug,
      mute: () => {
        for (const other of [address, ...machines.map((_, index) => `${prefix}.${FIRST_MACHINE + index}`)])
          if (other !== own) neighbour(["-n", namespace], other, "eth0");
      },
      deafen: () => neighbour([], own, bridge),
      restore: () => {
        ip("-n", namespace, "neigh", "flush", "dev", "eth0", "nud", "permanent");
        ip("neigh", "flush", "dev", bridge, "to", own, "nud", "permanent");
      },
      lose: () => {
        try {
          run("tc", "qdisc", "add", "dev", veth, "root", "netem", "loss", "30%");
          const stop = (): Promise<void> => Promise.resolve(run("tc", "qdisc", "del", "dev", veth, "root"));
          return { how: "netem", stop };
        } catch {
          // A kernel without netem.
        }
        // A shell of its own: the timers of a busy test would lose more.
        const loop = `while :; do ip link set ${veth} down; sleep ${FLAP_DOWN_SECONDS}; ip link set ${veth} up; sleep ${FLAP_UP_SECONDS}; done`;
        const flapping = spawn("sh", ["-c", loop], { stdio: "ignore" });
        const ended = new Promise<void>((resolve) => flapping.once("exit", () => resolve()));
        const stop = async (): Promise<void> => {
          flapping.kill("SIGKILL");
          await ended;
          plug();
        };
        return { how: "bursts", stop };
      },
    };
  };

  return {
    address,
    machine,
    async reachable(databaseUrl) {
      const target = new URL(databaseUrl);
      const behind = { host: target.hostname, port: Number(target.port) };
      const server = createServer((client) => {
        const upstream = connect(behind);
        for (const [socket, other] of [
          [client, upstream],
          [upstream, client],
        ] as const) {
          sockets.add(socket);
          // Whichever side ends or breaks, the other goes with it.
          socket
            .on("error", () => other.destroy())
            .on("close", () => {
              sockets.delete(socket);
              other.destroy();
            });
          socket.pipe(other);
        }
      });
      servers.push(server);
      await new Promise<void>((resolve) => server.listen(0, address, resolve));
      const listening = server.address();
      if (listening === null || typeof listening === "string") throw new Error("the forwarder has no port");
      target.hostname = address;
      target.port = String(listening.port);
      return target.href;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      for (const server of servers) await new Promise<void>((resolve) => server.close(() => resolve()));
      for (const { namespace, veth } of machines) {
        ip("netns", "del", namespace);
        // It goes with its other end, but not at once.
        tryIp("link", "del", veth);
      }
      ip("link", "del", bridge);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** From here on nobody answers to the address: a wrong neighbour swallows what is sent, without an error for the sender. */
function neighbour(where: readonly string[], address: string, device: string): void {
  ip(...where, "neigh", "replace", address, "lladdr", NOBODY, "dev", device, "nud", "permanent");
}

/** A private /24 that no interface of this machine has. */
function freePrefix(): string {
  const taken = execFileSync("ip", ["-4", "addr"], { encoding: "utf8" });
  for (let tries = 0; tries < 200; tries += 1) {
    const prefix = `10.${200 + ((process.pid + tries) % 50)}.${(process.pid * 7 + tries * 13) % 256}`;
    if (!taken.includes(`inet ${prefix}.`)) return prefix;
  }
  throw new Error("all private networks of this test are taken");
}

function ip(...args: string[]): void {
  run("ip", ...args);
}

function tryIp(...args: string[]): void {
  try {
    ip(...args);
  } catch {
    // It is gone already.
  }
}

function run(program: string, ...args: string[]): void {
  execFileSync(program, args, { stdio: ["ignore", "ignore", "pipe"] });
}
