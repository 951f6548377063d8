import { EndpointView, endpointInputs } from "../contract.ts";
import type { ResourceKind } from "../resource-kind.ts";

const outputsOf = (view: EndpointView) => ({ url: view.url, port: view.port });

/** A port that outlives what answers behind it. Only another port makes a new endpoint; its routes move in place. */
export const endpointKind: ResourceKind = {
  inputs: endpointInputs,
  computed: ["url", "port"],
  secrets: [],
  replacedBy: ["port"],
  // A port that is no longer asked for is the one that the endpoint has.
  comparable: (name, value, state) => (name === "port" ? (value ?? state.port) : value),
  async create(keeper, owner, inputs) {
    const view = await keeper.call("POST", "/v1/endpoints", { owner, ...inputs }, EndpointView);
    return { id: view.id, computed: outputsOf(view) };
  },
  async read(keeper, id) {
    const view = await keeper.find(`/v1/endpoints/${encodeURIComponent(id)}`, EndpointView);
    if (view?.listening !== true) return undefined;
    return {
      computed: outputsOf(view),
      inputs: { name: view.name, routes: view.routes, drainTimeoutSeconds: view.drainTimeoutSeconds },
    };
  },
  async update(keeper, id, inputs) {
    const { port: _unchanged, ...rest } = inputs;
    return outputsOf(await keeper.call("PUT", `/v1/endpoints/${encodeURIComponent(id)}`, rest, EndpointView));
  },
  remove: (keeper, id) => keeper.remove(`/v1/endpoints/${encodeURIComponent(id)}`),
};
