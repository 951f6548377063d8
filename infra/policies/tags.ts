import { RESOURCE_TYPES } from "../components/aws/resource-types.ts";
import { at, resourcePolicy } from "./rule.ts";

const REQUIRED = ["system", "environment", "owner", "managed-by"];

const TAGGABLE = new Set(
  Object.entries(RESOURCE_TYPES)
    .filter(([, inputs]) => (inputs as readonly string[]).includes("tags"))
    .map(([type]) => type),
);

/** Whoever finds a resource in the account can tell what it belongs to and whom to ask. */
export const tags = resourcePolicy(
  "tags",
  `What can be tagged has the tags ${REQUIRED.join(", ")}.`,
  ({ type, props }) =>
    TAGGABLE.has(type) || Object.hasOwn(props, "tags")
      ? REQUIRED.filter((tag) => {
          const value = at(props, `tags.${tag}`);
          return typeof value !== "string" || value === "";
        }).map((tag) => `lacks the tag ${tag}`)
      : [],
);
