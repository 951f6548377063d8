import path from "node:path";
import { writeProject } from "./trivial-project.ts";

const PROVIDER = path.resolve(import.meta.dirname, "../doubles/thing");
/** The password of each version: neither may be seen anywhere. */
export const PASSWORDS = { 1: "hunter2-old", 2: "hunter2-new", 3: "hunter2-new" } as const;

/**
 * Writes a project with a network, what stands on it and what needs that, in one of three versions. From the first to the second the quay is replaced, and with it the berth; the crane and the
 * gate are changed in place, the gate with a secret, JSON in a text and a long text; the buoy goes and a protected lantern comes. The wall stays. The third one only has another tag on the crane.
 */
export function writeHarbourProject(folder: string, name: string, version: 1 | 2 | 3): string {
  const text = {
    "Pulumi.yaml": [
      `name: ${name}`,
      "runtime:",
      "  name: nodejs",
      "  options:",
      "    typescript: false",
      "plugins:",
      "  providers:",
      "    - name: thing",
      `      path: ${PROVIDER}`,
      "",
    ].join("\n"),
    "index.js": `import pulumi from "@pulumi/pulumi";
const two = ${String(version !== 1)};
class Thing extends pulumi.CustomResource {
  constructor(name, inputs, options) { super("thing:index:Thing", name, { echo: undefined, ...inputs }, options); }
}
class Network extends pulumi.ComponentResource {
  constructor(name) { super("harbour:index:Network", name); }
}
const parent = new Network("network");
const quay = new Thing("quay", { value: { cidr: two ? "10.1.0.0/16" : "10.0.0.0/16" }, replace: two ? "b" : "a" }, { parent });
const berth = new Thing("berth", { value: { quay: quay.echo }, replace: quay.id, deleteFirst: true }, { parent });
const crane = new Thing("crane", { value: { berth: berth.id, tags: two ? { owner: "harbour", tier: "${version}" } : { owner: "dock" } } });
const policy = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: two ? ["read", "write"] : ["read"], Resource: "*" }] };
new Thing("gate", {
  value: {
    policy: JSON.stringify(policy),
    password: pulumi.secret("${PASSWORDS[version]}"),
    note: (two ? "second " : "first ").repeat(200),
  },
}, { dependsOn: [crane] });
if (two) new Thing("lantern", { value: { at: berth.echo } }, { protect: true });
else new Thing("buoy", { value: "red" });
new Thing("wall", { value: "stone" }, { parent });
`,
  };
  return writeProject(folder, name, text);
}
