/** A principal as people say it: `user:mia` is mia. */
export function personOf(principal: string): string {
  return principal.startsWith("user:") ? principal.slice("user:".length) : principal;
}

const NAMED = 6;

/** Some people in words: `mia, tom or eve`; of many the first ones. */
export function anyOf(principals: readonly string[]): string {
  const names = principals.map(personOf);
  if (names.length === 0) return "nobody";
  if (names.length > NAMED) return `${names.slice(0, NAMED).join(", ")} or ${names.length - NAMED} others`;
  const last = names.at(-1) ?? "";
  return names.length === 1 ? last : `${names.slice(0, -1).join(", ")} or ${last}`;
}
