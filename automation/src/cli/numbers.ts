import { usageError } from "./failure.ts";

/** Parses the value of an option as a whole number of at least 1; a usage error names the option. */
export function positive(option: string): (given: string) => number {
  return (given) => {
    const value = /^[0-9]{1,9}$/.test(given) ? Number(given) : 0;
    if (value < 1)
      throw usageError(
        `${option} wants a whole number from 1, not ${JSON.stringify(given)}.`,
        `Write ${option} 1.`,
      );
    return value;
  };
}
