import { SiteView, siteInputs } from "../contract.ts";
import { bundleDigest, neverUpdated, type ResourceKind } from "../resource-kind.ts";

const outputsOf = (view: SiteView) => ({ url: view.url, port: view.port });

/** Files that the keeper serves itself. Replaced on every change, so that an endpoint moves a site and the process behind its API at the same moment. */
export const staticSiteKind: ResourceKind = {
  inputs: siteInputs,
  computed: ["url", "port"],
  secrets: [],
  replacedBy: "every input",
  comparable: (name, value) => (name === "bundle" ? bundleDigest(value) : value),
  async create(keeper, owner, inputs) {
    const view = await keeper.call("POST", "/v1/sites", { owner, ...inputs }, SiteView);
    return { id: view.id, computed: outputsOf(view) };
  },
  async read(keeper, id) {
    const view = await keeper.find(`/v1/sites/${encodeURIComponent(id)}`, SiteView);
    if (view?.listening !== true) return undefined;
    return {
      computed: outputsOf(view),
      inputs: {
        name: view.name,
        bundle: { digest: view.bundleDigest },
        runtimeConfig: view.runtimeConfig,
        configPath: view.configPath,
      },
    };
  },
  update: neverUpdated,
  remove: (keeper, id) => keeper.remove(`/v1/sites/${encodeURIComponent(id)}`),
};
