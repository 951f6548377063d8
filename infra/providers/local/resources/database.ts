import { DatabaseView, databaseInputs } from "../contract.ts";
import { neverUpdated, type ResourceKind } from "../resource-kind.ts";

/** A role and the database that it owns. Deleting the resource leaves both, with their data; the next create of the same name takes them over. */
export const databaseKind: ResourceKind = {
  inputs: databaseInputs,
  computed: ["connectionUrl"],
  secrets: ["connectionUrl"],
  replacedBy: "every input",
  comparable: (_name, value) => value,
  async create(keeper, owner, inputs) {
    const view = await keeper.call("POST", "/v1/databases", { owner, ...inputs }, DatabaseView);
    return { id: view.name, computed: { connectionUrl: view.connectionUrl } };
  },
  async read(keeper, id) {
    const view = await keeper.find(`/v1/databases/${encodeURIComponent(id)}`, DatabaseView);
    return view && { computed: { connectionUrl: view.connectionUrl }, inputs: { name: view.name } };
  },
  update: neverUpdated,
  remove: (keeper, id) => keeper.remove(`/v1/databases/${encodeURIComponent(id)}`),
};
