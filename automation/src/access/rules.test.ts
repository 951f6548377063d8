import { describe, expect, test } from "vitest";
import { Verb } from "../contract/access.ts";
import type { Actor, AttemptGrant, Resource } from "./rules.ts";
import {
  can,
  canManageTokens,
  decide,
  INSTALLATION,
  listableOrganisations,
  managedOrganisations,
  runsAProgram,
} from "./rules.ts";

const actor = (kind: Actor["kind"], roles: Actor["roles"] = {}, id: string = kind): Actor => ({
  id,
  kind,
  name: id,
  roles,
  attempt: null,
});
const attempt = (grant: Partial<AttemptGrant> = {}): Actor => ({
  ...actor("attempt"),
  attempt: {
    attemptId: "attempt",
    deploymentId: "deployment",
    stackId: "own",
    organisation: "shop",
    epoch: 1,
    mayChange: true,
    readableStackIds: ["listed", "foreign-but-listed"],
    ...grant,
  },
});

const ACTORS: readonly [string, Actor][] = [
  ["owner", actor("owner")],
  ["system", actor("system")],
  ["worker", actor("worker")],
  ["admin", actor("user", { shop: "admin" })],
  ["deployer", actor("user", { shop: "deployer" })],
  ["viewer", actor("user", { shop: "viewer" })],
  ["stranger", actor("user", { elsewhere: "admin" })],
  ["svc admin", actor("service", { shop: "admin" })],
  ["svc deployer", actor("service", { shop: "deployer" })],
  ["svc viewer", actor("service", { shop: "viewer" })],
  ["svc none", actor("service")],
  ["changing", attempt()],
  ["previewing", attempt({ mayChange: false })],
  ["no grant", actor("attempt")],
];
const RESOURCES: readonly [string, Resource][] = [
  ["installation", INSTALLATION],
  ["organisation shop", { organisation: "shop" }],
  ["the attempt's stack", { organisation: "shop", stackId: "own" }],
  ["a stack that lists it", { organisation: "shop", stackId: "listed" }],
  ["another stack of shop", { organisation: "shop", stackId: "other" }],
  ["a stack of another organisation", { organisation: "foreign", stackId: "foreign-but-listed" }],
  ["an organisation named like what objects inherit", { organisation: "constructor" }],
];
const SIGNS = { allowed: "+", forbidden: "-", hidden: "." } as const;

/** A line a verb, a column an actor: + allowed, - forbidden, . as if it were not there. */
function table(resource: Resource): string {
  const lines = Verb.options.map((verb) => {
    const signs = ACTORS.map(([, one]) => SIGNS[decide(one, verb, resource)]);
    return `${verb.padEnd(20)} ${signs.join(" ")}`;
  });
  return `\n${lines.join("\n")}\n`;
}

// Columns: owner, system, worker | user: admin, deployer, viewer, stranger | service: admin, deployer, viewer, none | attempt: changing, previewing, no grant
const EXPECTED: Readonly<Record<string, string>> = {
  installation: `
installation.read    + + + - - - - + + + + - - -
installation.manage  + + - - - - - - - - - - - -
organisation.read    + + + - - - - - - - - - - -
organisation.manage  + + - - - - - - - - - - - -
project.create       + + - - - - - - - - - - - -
project.remove       + + - - - - - - - - - - - -
project.pause        + + - - - - - - - - - - - -
project.limit        + + - - - - - - - - - - - -
project.configure    + + - - - - - - - - - - - -
stack.see            + + + - - - - - - - - - - -
stack.read           + + + - - - - - - - - - - -
stack.export         + + - - - - - - - - - - - -
stack.preview        + + - - - - - - - - - - - -
stack.update         + + - - - - - - - - - - - -
stack.deploy         + + - - - - - - - - - - - -
stack.cancel         + + - - - - - - - - - - - -
stack.pause          + + - - - - - - - - - - - -
stack.create         + + - - - - - - - - - - - -
stack.configure      + + - - - - - - - - - - - -
stack.protect        + + - - - - - - - - - - - -
stack.remove         + + - - - - - - - - - - - -
stack.decrypt        + + - - - - - - - - - - - -
policy.manage        + + - - - - - - - - - - - -
policy.override      + + - - - - - - - - - - - -
freeze.manage        + + - - - - - - - - - - - -
audit.read           + + - - - - - - - - - - - -
`,
  "organisation shop": `
installation.read    + + - - - - . - - - . - - .
installation.manage  + + - - - - . - - - . - - .
organisation.read    + + + + + + . + + + . + + .
organisation.manage  + + - + - - . + - - . - - .
project.create       + + - + + - . + + - . - - .
project.remove       + + - + - - . + - - . - - .
project.pause        + + - + - - . + - - . - - .
project.limit        + + - + - - . + - - . - - .
project.configure    + + - + - - . + - - . - - .
stack.see            + + + + + + . + + + . - - .
stack.read           + + + + + + . + + + . - - .
stack.export         + + - + + + . + + + . - - .
stack.preview        + + - + + - . + + - . - - .
stack.update         + + - + + - . + + - . - - .
stack.deploy         + + - + + - . + + - . - - .
stack.cancel         + + - + + - . + + - . - - .
stack.pause          + + - + + - . + + - . - - .
stack.create         + + - + + - . + + - . - - .
stack.configure      + + - + + - . + + - . - - .
stack.protect        + + - + - - . + - - . - - .
stack.remove         + + - + - - . + - - . - - .
stack.decrypt        + + - + + - . + + - . - - .
policy.manage        + + - + - - . + - - . - - .
policy.override      + + - + + - . + + - . - - .
freeze.manage        + + - + - - . + - - . - - .
audit.read           + + - + + + . + + + . - - .
`,
  "the attempt's stack": `
installation.read    + + - - - - . - - - . - - .
installation.manage  + + - - - - . - - - . - - .
organisation.read    + + + + + + . + + + . - - .
organisation.manage  + + - + - - . + - - . - - .
project.create       + + - + + - . + + - . - - .
project.remove       + + - + - - . + - - . - - .
project.pause        + + - + - - . + - - . - - .
project.limit        + + - + - - . + - - . - - .
project.configure    + + - + - - . + - - . - - .
stack.see            + + + + + + . + + + . + + .
stack.read           + + + + + + . + + + . + + .
stack.export         + + - + + + . + + + . + + .
stack.preview        + + - + + - . + + - . + + .
stack.update         + + - + + - . + + - . + - .
stack.deploy         + + - + + - . + + - . - - .
stack.cancel         + + - + + - . + + - . - - .
stack.pause          + + - + + - . + + - . - - .
stack.create         + + - + + - . + + - . - - .
stack.configure      + + - + + - . + + - . - - .
stack.protect        + + - + - - . + - - . - - .
stack.remove         + + - + - - . + - - . - - .
stack.decrypt        + + - + + - . + + - . + + .
policy.manage        + + - + - - . + - - . - - .
policy.override      + + - + + - . + + - . - - .
freeze.manage        + + - + - - . + - - . - - .
audit.read           + + - + + + . + + + . - - .
`,
  "a stack that lists it": `
installation.read    + + - - - - . - - - . - - .
installation.manage  + + - - - - . - - - . - - .
organisation.read    + + + + + + . + + + . - - .
organisation.manage  + + - + - - . + - - . - - .
project.create       + + - + + - . + + - . - - .
project.remove       + + - + - - . + - - . - - .
project.pause        + + - + - - . + - - . - - .
project.limit        + + - + - - . + - - . - - .
project.configure    + + - + - - . + - - . - - .
stack.see            + + + + + + . + + + . + + .
stack.read           + + + + + + . + + + . - - .
stack.export         + + - + + + . + + + . + + .
stack.preview        + + - + + - . + + - . - - .
stack.update         + + - + + - . + + - . - - .
stack.deploy         + + - + + - . + + - . - - .
stack.cancel         + + - + + - . + + - . - - .
stack.pause          + + - + + - . + + - . - - .
stack.create         + + - + + - . + + - . - - .
stack.configure      + + - + + - . + + - . - - .
stack.protect        + + - + - - . + - - . - - .
stack.remove         + + - + - - . + - - . - - .
stack.decrypt        + + - + + - . + + - . + + .
policy.manage        + + - + - - . + - - . - - .
policy.override      + + - + + - . + + - . - - .
freeze.manage        + + - + - - . + - - . - - .
audit.read           + + - + + + . + + + . - - .
`,
  "another stack of shop": `
installation.read    + + - - - - . - - - . . . .
installation.manage  + + - - - - . - - - . . . .
organisation.read    + + + + + + . + + + . . . .
organisation.manage  + + - + - - . + - - . . . .
project.create       + + - + + - . + + - . . . .
project.remove       + + - + - - . + - - . . . .
project.pause        + + - + - - . + - - . . . .
project.limit        + + - + - - . + - - . . . .
project.configure    + + - + - - . + - - . . . .
stack.see            + + + + + + . + + + . . . .
stack.read           + + + + + + . + + + . . . .
stack.export         + + - + + + . + + + . . . .
stack.preview        + + - + + - . + + - . . . .
stack.update         + + - + + - . + + - . . . .
stack.deploy         + + - + + - . + + - . . . .
stack.cancel         + + - + + - . + + - . . . .
stack.pause          + + - + + - . + + - . . . .
stack.create         + + - + + - . + + - . . . .
stack.configure      + + - + + - . + + - . . . .
stack.protect        + + - + - - . + - - . . . .
stack.remove         + + - + - - . + - - . . . .
stack.decrypt        + + - + + - . + + - . . . .
policy.manage        + + - + - - . + - - . . . .
policy.override      + + - + + - . + + - . . . .
freeze.manage        + + - + - - . + - - . . . .
audit.read           + + - + + + . + + + . . . .
`,
  "a stack of another organisation": `
installation.read    + + - . . . . . . . . . . .
installation.manage  + + - . . . . . . . . . . .
organisation.read    + + + . . . . . . . . . . .
organisation.manage  + + - . . . . . . . . . . .
project.create       + + - . . . . . . . . . . .
project.remove       + + - . . . . . . . . . . .
project.pause        + + - . . . . . . . . . . .
project.limit        + + - . . . . . . . . . . .
project.configure    + + - . . . . . . . . . . .
stack.see            + + + . . . . . . . . . . .
stack.read           + + + . . . . . . . . . . .
stack.export         + + - . . . . . . . . . . .
stack.preview        + + - . . . . . . . . . . .
stack.update         + + - . . . . . . . . . . .
stack.deploy         + + - . . . . . . . . . . .
stack.cancel         + + - . . . . . . . . . . .
stack.pause          + + - . . . . . . . . . . .
stack.create         + + - . . . . . . . . . . .
stack.configure      + + - . . . . . . . . . . .
stack.protect        + + - . . . . . . . . . . .
stack.remove         + + - . . . . . . . . . . .
stack.decrypt        + + - . . . . . . . . . . .
policy.manage        + + - . . . . . . . . . . .
policy.override      + + - . . . . . . . . . . .
freeze.manage        + + - . . . . . . . . . . .
audit.read           + + - . . . . . . . . . . .
`,
  "an organisation named like what objects inherit": `
installation.read    + + - . . . . . . . . . . .
installation.manage  + + - . . . . . . . . . . .
organisation.read    + + + . . . . . . . . . . .
organisation.manage  + + - . . . . . . . . . . .
project.create       + + - . . . . . . . . . . .
project.remove       + + - . . . . . . . . . . .
project.pause        + + - . . . . . . . . . . .
project.limit        + + - . . . . . . . . . . .
project.configure    + + - . . . . . . . . . . .
stack.see            + + + . . . . . . . . . . .
stack.read           + + + . . . . . . . . . . .
stack.export         + + - . . . . . . . . . . .
stack.preview        + + - . . . . . . . . . . .
stack.update         + + - . . . . . . . . . . .
stack.deploy         + + - . . . . . . . . . . .
stack.cancel         + + - . . . . . . . . . . .
stack.pause          + + - . . . . . . . . . . .
stack.create         + + - . . . . . . . . . . .
stack.configure      + + - . . . . . . . . . . .
stack.protect        + + - . . . . . . . . . . .
stack.remove         + + - . . . . . . . . . . .
stack.decrypt        + + - . . . . . . . . . . .
policy.manage        + + - . . . . . . . . . . .
policy.override      + + - . . . . . . . . . . .
freeze.manage        + + - . . . . . . . . . . .
audit.read           + + - . . . . . . . . . . .
`,
};

describe("what may be done to", () => {
  test.each(RESOURCES)("%s, by each actor and verb, is exactly what the table says", (name, resource) => {
    expect(table(resource)).toBe(EXPECTED[name]);
  });

  test("every kind of actor and every role is a column of the table", () => {
    expect(new Set(ACTORS.map(([, one]) => one.kind)).size).toBe(6);
    expect(new Set(ACTORS.flatMap(([, one]) => Object.values(one.roles)))).toEqual(
      new Set(["admin", "deployer", "viewer"]),
    );
    expect(Object.keys(EXPECTED).toSorted()).toEqual(RESOURCES.map(([name]) => name).toSorted());
  });
});

test("an attempt reads other stacks only where they list it, and changes nothing there", () => {
  const mine = attempt();
  const changing = Verb.options.filter(
    (verb) => !["stack.see", "stack.export", "stack.decrypt"].includes(verb),
  );
  for (const verb of changing)
    expect(can(mine, verb, { organisation: "shop", stackId: "listed" }), verb).toBe(false);
  expect(can(mine, "stack.export", { organisation: "shop", stackId: "listed" })).toBe(true);
  expect(
    can(attempt({ readableStackIds: [] }), "stack.export", { organisation: "shop", stackId: "listed" }),
  ).toBe(false);
});

test("lists show the organisations of an actor's roles; all to the owner, none to an attempt", () => {
  expect(Object.fromEntries(ACTORS.map(([name, one]) => [name, listableOrganisations(one)]))).toEqual({
    owner: "all",
    system: "all",
    worker: "all",
    admin: ["shop"],
    deployer: ["shop"],
    viewer: ["shop"],
    stranger: ["elsewhere"],
    "svc admin": ["shop"],
    "svc deployer": ["shop"],
    "svc viewer": ["shop"],
    "svc none": [],
    changing: [],
    previewing: [],
    "no grant": [],
  });
});

describe("tokens of", () => {
  const holders = {
    owner: { id: "owner", kind: "owner", organisation: null },
    "a person": { id: "user", kind: "user", organisation: null },
    "another person": { id: "user:other", kind: "user", organisation: null },
    "a service account of shop": { id: "service:shop/ci", kind: "service", organisation: "shop" },
    "a service account elsewhere": { id: "service:foreign/ci", kind: "service", organisation: "foreign" },
    "the service account itself": { id: "service", kind: "service", organisation: "shop" },
  } as const;
  test.each([
    ["owner", ["owner", "system"]],
    ["a person", ["owner", "system", "admin", "deployer", "viewer", "stranger"]],
    ["another person", ["owner", "system"]],
    ["a service account of shop", ["owner", "system", "admin", "svc admin"]],
    ["a service account elsewhere", ["owner", "system"]],
    ["the service account itself", ["owner", "system", "admin"]],
  ] as const)("%s are managed by %s", (holder, managers) => {
    const able = ACTORS.filter(([, one]) => canManageTokens(one, holders[holder])).map(([name]) => name);
    expect(able).toEqual(managers);
  });

  test("service accounts are found by the organisations that somebody manages", () => {
    const several = actor("user", { shop: "admin", foreign: "deployer", third: "admin" });
    expect(managedOrganisations(several)).toEqual(["shop", "third"]);
  });
});

test.each([
  ["pulumi-cli/1 (v3.250.0; linux; cmd=up)", true],
  ["pulumi-cli/1 (v3.250.0; linux; cmd=preview; agent=x)", true],
  ["pulumi-cli/1 (v3.225.0; darwin; cmd=destroy)", true],
  ["pulumi-cli/1 (v3.250.0; linux; cmd=stack-export)", false],
  ["pulumi-cli/1 (v3.250.0; linux; cmd=stack-output)", false],
  ["pulumi-cli/1 (v3.250.0; linux)", false],
  ["curl/8 (cmd=up)", false],
  [undefined, false],
])("the client %s runs a program: %s", (client, expected) => {
  expect(runsAProgram(client)).toBe(expected);
});
