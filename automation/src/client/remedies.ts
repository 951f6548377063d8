/** What the server calls by method and path, as people do the same; `*` stands for one part of a path. The longest that fits counts. */
const COMMANDS: readonly (readonly [route: string, command: string])[] = [
  ["GET /v1/organisations", "slipway organisations list"],
  ["GET /v1/organisations/*/members", "slipway members list"],
  ["GET /v1/organisations/*/notifications/destinations", "slipway destinations list"],
  ["GET /v1/organisations/*/notifications/deliveries", "slipway notifications list"],
  ["GET /v1/projects", "slipway projects list"],
  ["POST /v1/projects", "slipway projects create"],
  ["GET /v1/stacks", "slipway stacks list"],
  ["POST /v1/stacks", "slipway stacks create"],
  ["GET /v1/stacks/*/*/*/history", "slipway history"],
  ["GET /v1/deployments", "slipway history"],
  ["GET /v1/deployments/{id}", "slipway gates show"],
  ["GET /v1/deployments/*", "slipway show *"],
  ["GET /v1/deployments/*/seal", "slipway preview show *"],
  ["GET /v1/deployments/*/policies", "slipway policies results *"],
  ["GET /v1/deliveries", "slipway deliveries list"],
  ["GET /v1/tokens", "slipway tokens list"],
  ["POST /v1/sessions", "slipway login"],
];

const ROUTE = /\b(?:GET|POST|PUT|DELETE) \/v1(?:\/[A-Za-z0-9_{}<>-]+)+/g;
/** Said beside a command that does the same. */
const OVER_HTTP = /; over HTTP (?:GET|POST|PUT|DELETE) [^.;]*/g;

/** A remedy of the server in the words of the command line: "`slipway stacks list` lists them", not "GET /v1/stacks lists them". What has no command stays. */
export function remedyInCommands(remedy: string): string {
  return remedy.replaceAll(OVER_HTTP, "").replaceAll(ROUTE, (route) => {
    const command = commandOf(route);
    return command === null ? route : `\`${command}\``;
  });
}

/** Whether an issue says no more than the message above it: of a refusal of one field the message often is the issue. */
export function saysTheSame(
  message: string,
  issue: { readonly path: string; readonly message: string },
): boolean {
  return wordsOf(message) === wordsOf(`${issue.path} ${issue.message}`);
}

function wordsOf(text: string): string {
  return text.replaceAll(/[:.](?=\s|$)/g, "").trim();
}

/** Whether what was refused is an id that is none: the server then names a field of its own, which nobody has typed. */
export function isWrongId({ path, message }: { readonly path: string; readonly message: string }): boolean {
  return path.startsWith("params.") && message === "Invalid UUID";
}

function commandOf(route: string): string | null {
  const exact = COMMANDS.find(([known]) => known === route);
  if (exact !== undefined) return exact[1];
  const parts = route.split("/");
  for (const [known, command] of COMMANDS) {
    const wanted = known.split("/");
    const fits =
      wanted.length === parts.length && wanted.every((part, at) => part === "*" || part === parts[at]);
    if (fits) return command.replace("*", parts[wanted.indexOf("*")] ?? "");
  }
  return null;
}
