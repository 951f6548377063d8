import type { OperationLists } from "../../../automation/src/pipeline/operation-lists.ts";
import { OPERATION_LISTS as PRODUCT_LISTS } from "../../../automation/src/pipeline/operation-lists.ts";

const newest = Math.max(...Object.keys(PRODUCT_LISTS).map(Number));

/** Version of the operations that only the later program knows. */
export const LATER_VERSION = newest + 1;

/** What a later program could have: the versions of the product, and one more, in which an update has no gates before it. */
export const OPERATION_LISTS: Readonly<Record<number, OperationLists>> = {
  ...PRODUCT_LISTS,
  [LATER_VERSION]: {
    ...(PRODUCT_LISTS[newest] as OperationLists),
    update: ["prepare", "build", "test", "preview", "update", "gates-after", "release"],
  },
};
