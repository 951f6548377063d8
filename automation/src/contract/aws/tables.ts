/** Types of key attributes, as DynamoDB names them. */
export type KeyType = "S" | "N";

/** What a table needs when it is made. Attributes that are no keys need no declaration. */
export interface TableSpec {
  /** Every attribute that is a key of the table or of an index. */
  attributes: Readonly<Record<string, KeyType>>;
  hash: string;
  range: string;
  /** Have the hash key of the table; they can be read consistently, and only be made with the table. All attributes are projected. */
  localIndexes: readonly { name: string; range: string }[];
  /** A moment behind the table. All attributes are projected. */
  globalIndexes: readonly { name: string; hash: string; range: string }[];
}

/** A list that is read newest first: `collection` groups items, `position` orders them; items without a position are in no list. */
const LISTED = {
  attributes: { collection: "S", id: "S", position: "N" },
  hash: "collection",
  range: "id",
  localIndexes: [{ name: "by-position", range: "position" }],
  globalIndexes: [],
} as const satisfies TableSpec;

/** Every table of the sample: the program makes them, functions are given their names, checks ask for them. */
export const TABLES = {
  templates: LISTED,
  strategies: LISTED,
  "risk-profiles": LISTED,
  backtests: {
    ...LISTED,
    attributes: { ...LISTED.attributes, strategyId: "S" },
    globalIndexes: [{ name: "by-strategy", hash: "strategyId", range: "position" }],
  },
  audit: {
    attributes: { collection: "S", position: "N", subjectId: "S" },
    hash: "collection",
    range: "position",
    localIndexes: [],
    globalIndexes: [{ name: "by-subject", hash: "subjectId", range: "position" }],
  },
} as const satisfies Record<string, TableSpec>;
export type TableKey = keyof typeof TABLES;

/** What a function may do with a table. `append`: add entries and draw a number, but not delete. */
export type TableAccess = "read" | "append" | "write";

/** Partition of the table `audit` that holds the counter: the only one whose items a function may update there (`dynamodb:LeadingKeys`). */
export const COUNTER_PARTITION = "counter";

/** What every function may ask of each of its tables beside its access: whether it is there and answers. */
export const TABLE_PROBE_ACTION = "dynamodb:DescribeTable";

/** Actions of each access on the table; those of reading also on its indexes. A transaction needs the actions of its parts. */
export const TABLE_ACTIONS = {
  read: ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:ConditionCheckItem"],
  /** `dynamodb:UpdateItem` on COUNTER_PARTITION alone. */
  append: ["dynamodb:PutItem", "dynamodb:UpdateItem"],
  write: [
    "dynamodb:GetItem",
    "dynamodb:BatchGetItem",
    "dynamodb:Query",
    "dynamodb:ConditionCheckItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
  ],
} as const satisfies Record<TableAccess, readonly string[]>;
