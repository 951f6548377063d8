/** The outputs that are addresses a browser can open, by name. Nothing but http and https counts: outputs are not ours. */
export function addressesIn(outputs: Readonly<Record<string, unknown>>): [string, string][] {
  return Object.entries(outputs).flatMap(([name, value]): [string, string][] => {
    if (typeof value !== "string" || !/^https?:\/\//i.test(value) || !URL.canParse(value)) return [];
    return [[name, value]];
  });
}

/** Whether an output is the mark that stands for a secret. */
export function isSecretOutput(value: unknown): boolean {
  return typeof value === "object" && value !== null && "secret" in value && value.secret === true;
}
