import { SlipwayError } from "../errors.ts";

/** Quotes between which Node's --env-file (and, for the first, a shell) takes everything literally. */
const LITERAL_QUOTES = ["'", "`"] as const;

/**
 * The text of an environment file for `node --env-file`: one `NAME='value'` each. Throws SlipwayError `invalid_environment`,
 * naming the variable and never its value, for a value that the format cannot hold.
 */
export function renderEnvironment(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => {
      const quote = LITERAL_QUOTES.find((candidate) => !value.includes(candidate));
      if (quote === undefined || value.includes("\0") || value.includes("\r")) {
        throw new SlipwayError(
          "invalid_environment",
          `The value of ${name} cannot be handed over: it holds a NUL, a carriage return, or both a ' and a \`.`,
          { remedy: "Encode it, for example as base64." },
        );
      }
      return `${name}=${quote}${value}${quote}\n`;
    })
    .join("");
}
