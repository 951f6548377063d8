import { randomBytes } from "node:crypto";

/** One thing that a stack on AWS must be able to do, as people would ask for it. */
export interface Scenario {
  name: string;
  /** Of slipway. */
  argv: readonly string[];
  /** Standard input. */
  input?: string;
  /** What is wrong with the answer, which is parsed JSON; null: nothing. Only asked when the command ended well. */
  judge?: (answer: unknown) => string | null;
}

/** Slots whose providers publish no format: any text that is visible will do. */
const SLOTS = ["bison", "bsdex"];
const VALUE_BYTES = 24;

/**
 * From nothing, or from what is there, to a stack that was deployed twice, checked, validated, given secrets, changed, and rolled back; with `destroys` also to nothing again. In the order in
 * which each needs those before it.
 */
export function scenariosOf(stack: string, { destroys }: { destroys: boolean }): Scenario[] {
  const on = ["--stack", stack, "--json"];
  const secret = () => randomBytes(VALUE_BYTES).toString("base64url");
  const values = Object.fromEntries(SLOTS.map((slot) => [slot, { apiKey: secret(), apiSecret: secret() }]));
  const noDrift = (name: string): Scenario[] => [
    { name: `${name}: look`, argv: ["drift", "run", ...on], judge: succeeded },
    {
      name,
      argv: ["drift", "show", ...on],
      judge: (answer) => expectField(answer, ["latest", "status"], "clean"),
    },
  ];
  return [
    { name: "is deployed", argv: ["deploy", ...on], judge: succeeded },
    { name: "is deployed again without a change", argv: ["deploy", ...on], judge: unchanged },
    ...noDrift("is as its state says"),
    {
      name: "is validated",
      argv: ["validate", ...on],
      judge: (answer) => expectField(answer, ["state"], "passed"),
    },
    {
      name: "reads secrets that were put",
      argv: ["secrets", "populate", ...on, "--only", SLOTS.join(",")],
      input: JSON.stringify(values),
    },
    { name: "still reads them", argv: ["secrets", "verify", ...on] },
    { name: "has another config", argv: ["config", "set", "strategyDesk:logLevel", "debug", ...on] },
    { name: "is deployed with it", argv: ["deploy", ...on], judge: succeeded },
    { name: "goes back", argv: ["rollback", ...on], judge: succeeded },
    ...noDrift("is as its state says after going back"),
    { name: "has documents", argv: ["documents", ...on] },
    ...(destroys
      ? [
          { name: "may be destroyed", argv: ["config", "set", "strategyDesk:protection", "retiring", ...on] },
          { name: "gives up its protection", argv: ["deploy", ...on], judge: succeeded },
          { name: "is destroyed", argv: ["destroy", "--yes", ...on], judge: succeeded },
        ]
      : []),
  ];
}

function succeeded(answer: unknown): string | null {
  return expectField(answer, ["status"], "succeeded");
}

/** Of a deployment: nothing but resources that stayed the same. */
function unchanged(answer: unknown): string | null {
  const wrong = succeeded(answer);
  if (wrong !== null) return wrong;
  const changes = fieldOf(answer, ["changes"]);
  const others = Object.entries(typeof changes === "object" && changes !== null ? changes : {}).filter(
    ([kind, count]) => kind !== "same" && count !== 0,
  );
  return others.length === 0
    ? null
    : `it changed ${others.map(([kind, count]) => `${kind} ${String(count)}`).join(", ")}`;
}

function expectField(answer: unknown, place: readonly string[], wanted: string): string | null {
  const found = fieldOf(answer, place);
  return found === wanted
    ? null
    : `${place.join(".")} is ${JSON.stringify(found) ?? "not there"}, not ${wanted}`;
}

function fieldOf(answer: unknown, place: readonly string[]): unknown {
  let found = answer;
  for (const name of place) {
    if (typeof found !== "object" || found === null) return undefined;
    found = Object.entries(found).find(([key]) => key === name)?.[1];
  }
  return found;
}
