import { SlipwayError } from "../errors.ts";

/**
 * How each thing that is not there is answered. What a caller may not know of is answered by the same, so that nobody learns which
 * names other organisations use.
 */
export const missing = {
  organisation: (name: string): SlipwayError =>
    new SlipwayError("not_found", `There is no organisation ${name}.`, {
      remedy: "GET /v1/organisations lists them.",
    }),
  project: (name: { organisation: string; project: string }): SlipwayError =>
    new SlipwayError("not_found", `There is no project ${name.organisation}/${name.project}.`, {
      remedy: "GET /v1/projects lists them; POST /v1/projects registers one.",
    }),
  stack: (name: { organisation: string; project: string; stack: string }): SlipwayError =>
    new SlipwayError("not_found", `There is no stack ${name.organisation}/${name.project}/${name.stack}.`, {
      remedy: "GET /v1/stacks lists them; POST /v1/stacks creates one.",
    }),
  deployment: (id: string): SlipwayError =>
    new SlipwayError("not_found", `There is no deployment ${id}.`, {
      remedy: "GET /v1/deployments lists them.",
    }),
  delivery: (id: string): SlipwayError =>
    new SlipwayError("not_found", `There is no delivery ${id}.`, {
      remedy: "GET /v1/deliveries lists them.",
    }),
  update: (id: string): SlipwayError =>
    new SlipwayError("not_found", `There is no update ${id}.`, {
      remedy: "GET /v1/stacks/{organisation}/{project}/{stack}/history lists them.",
    }),
};
