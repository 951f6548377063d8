/** Journals of what the recorded ones do not hold: kinds and members that the CLI writes in rare cases only. */

const urn = (name: string) => `urn:pulumi:dev::shop::a:b:C::${name}`;
const resource = (name: string, more = {}) => ({
  urn: urn(name),
  custom: true,
  id: name,
  type: "a:b:C",
  ...more,
});
const MANIFEST = { time: "2026-01-01T00:00:00Z", magic: "", version: "" };
const SNIPPET = {
  uuid: "u",
  name: "n",
  type: "a:b:C",
  code: "x = 1",
  descriptor: { name: "a", version: "1.2.3" },
};

function state(resources: unknown[], more = {}): string {
  return JSON.stringify({ version: 3, deployment: { manifest: MANIFEST, resources, metadata: {}, ...more } });
}

/** Entries in their order; each has what it is given, and the rest as every entry has it. */
function journal(...entries: { kind: number; [more: string]: unknown }[]): string[] {
  const all = { version: 1, operationID: 0, removeOld: null, removeNew: null };
  return entries.map((entry, index) => JSON.stringify({ ...all, sequenceID: index + 1, ...entry }));
}

const extension = (name: string) => ({ name, version: "1.0.0", value: "AAEC" });

export const HAND_MADE: Readonly<Record<string, { base: string | null; entries: string[] }>> = {
  "a resource that was made is marked to be deleted, and its state told again": {
    base: state([resource("old")]),
    entries: journal(
      { kind: 1, operationID: 1, state: resource("a") },
      { kind: 1, operationID: 2, state: resource("a", { id: "a2" }), deleteNew: 1 },
      { kind: 4, operationID: 3, removeNew: 2, state: resource("a", { id: "a2", outputs: { x: 1 } }) },
      { kind: 4, operationID: 4, removeNew: 1, state: resource("a", { outputs: { x: 0 } }) },
    ),
  },
  "a resource that was made is to be replaced, and the replaced one removed": {
    base: null,
    entries: journal(
      { kind: 1, operationID: 1, state: resource("a") },
      { kind: 1, operationID: 2, pendingReplacementNew: 1 },
      { kind: 1, operationID: 3, state: resource("a", { id: "a2" }), removeNew: 1 },
      { kind: 3, operationID: 4, removeNew: 3, isRefresh: true },
    ),
  },
  "a mark and a new state for one resource of the base": {
    base: state([resource("a"), resource("b"), resource("c")]),
    entries: journal(
      { kind: 1, operationID: 1, deleteOld: 0, pendingReplacementOld: 1 },
      { kind: 4, operationID: 2, removeOld: 0, state: resource("a", { outputs: { x: 1 } }) },
      { kind: 3, operationID: 3, removeOld: 1, isRefresh: true, state: resource("b", { outputs: { x: 1 } }) },
      { kind: 1, operationID: 4, removeOld: 1 },
    ),
  },
  "another base is written": {
    base: state([resource("a"), resource("b")], {
      pending_operations: [{ type: "creating", resource: resource("p") }],
    }),
    entries: journal(
      { kind: 6, secretsProvider: { type: "service", state: { stack: "dev" } } },
      {
        kind: 5,
        newSnapshot: {
          manifest: MANIFEST,
          resources: [resource("x"), resource("y", { dependencies: [urn("x")] }), resource("z")],
          metadata: { integrity_error: { error: "broken", command: "up" } },
          snippets: [SNIPPET],
          extensions: { r: extension("of the base") },
        },
      },
      { kind: 6, secretsProvider: { type: "passphrase", state: { salt: "v1:x" } } },
      { kind: 1, operationID: 1, removeOld: 2 },
    ),
  },
  "extensions are added, and those of the base stay": {
    base: state([resource("a", { extensionRef: "r" })], { extensions: { r: extension("of the base") } }),
    entries: journal(
      { kind: 8, operationID: 1, extensionRef: "r", extension: extension("of the journal") },
      { kind: 8, operationID: 2, extensionRef: "s", extension: extension("first") },
      { kind: 8, operationID: 3, extensionRef: "s", extension: extension("second") },
      { kind: 1, operationID: 4, state: resource("b", { extensionRef: "s" }) },
    ),
  },
  "extensions outlive a rebuilt base": {
    base: null,
    entries: journal(
      { kind: 8, operationID: 1, extensionRef: "r", extension: extension("first") },
      { kind: 7 },
      { kind: 8, operationID: 2, extensionRef: "r", extension: extension("second") },
    ),
  },
  "snippets are set, their references follow aliases, and they go": {
    base: state([resource("a")]),
    entries: journal(
      { kind: 9, snippets: [{ ...SNIPPET, references: { it: urn("a"), other: urn("b") } }] },
      { kind: 1, operationID: 1, removeOld: 0, state: resource("a2", { aliases: [urn("a")] }) },
      { kind: 9 },
    ),
  },
  "views, taints, hooks and refreshes before an update, of resources and operations": {
    base: state([resource("a", { taint: true }), resource("b", { viewOf: urn("a") })]),
    entries: journal(
      { kind: 1, operationID: 1, state: resource("a"), removeOld: 0 },
      {
        kind: 0,
        operationID: 2,
        operation: { type: "updating", resource: resource("c", { refreshBeforeUpdate: true }) },
      },
      {
        kind: 0,
        operationID: 3,
        operation: { type: "reading", resource: resource("d", { resourceHooks: { x: ["h"] } }) },
      },
      { kind: 1, operationID: 4, removeOld: 1 },
      { kind: 2, operationID: 3 },
      { kind: 2, operationID: 2 },
    ),
  },
};
