const LOOKS: Readonly<Record<string, readonly [tone: string, sign: string]>> = {
  replace: ["bad", "±"],
  delete: ["bad", "−"],
  update: ["warn", "~"],
  create: ["good", "+"],
  import: ["good", "+"],
  read: ["calm", "·"],
  refresh: ["calm", "·"],
  same: ["calm", "="],
};

/** What a preview wants to do with a resource, as a word with a sign; one that nobody here knows looks dangerous. */
export function Operation({ value, count }: { value: string; count?: number }) {
  const [tone, sign] = LOOKS[value] ?? ["bad", "?"];
  return (
    <span className={`status status-${tone}`}>
      <span aria-hidden="true">{sign}</span> {count !== undefined && count}{" "}
      {value === "same" ? "unchanged" : count === undefined ? value : `to ${value}`}
    </span>
  );
}
