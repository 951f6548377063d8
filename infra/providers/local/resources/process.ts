import { ProcessView, processInputs } from "../contract.ts";
import { bundleDigest, neverUpdated, type ResourceKind } from "../resource-kind.ts";

const outputsOf = (view: ProcessView) => ({
  url: view.url,
  port: view.port,
  pid: view.pid,
  startedAt: view.startedAt,
  logPath: view.logPath,
});

/** A process that the keeper runs from its own copy of the bundle. A process that is not running counts as gone, so that refresh drops it and the next update makes a new one. */
export const processKind: ResourceKind = {
  inputs: processInputs,
  computed: ["url", "port", "pid", "startedAt", "logPath"],
  secrets: [],
  replacedBy: "every input",
  comparable: (name, value) => (name === "bundle" ? bundleDigest(value) : value),
  async create(keeper, owner, inputs) {
    const view = await keeper.call("POST", "/v1/processes", { owner, ...inputs }, ProcessView);
    return { id: view.id, computed: outputsOf(view) };
  },
  async read(keeper, id) {
    const view = await keeper.find(`/v1/processes/${encodeURIComponent(id)}`, ProcessView);
    if (view?.running !== true) return undefined;
    return {
      computed: outputsOf(view),
      inputs: { name: view.name, command: view.command, bundle: { digest: view.bundleDigest } },
    };
  },
  update: neverUpdated,
  remove: (keeper, id) => keeper.remove(`/v1/processes/${encodeURIComponent(id)}`),
};
