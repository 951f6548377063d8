import { Anchor, Code, Paper, Text, Title } from "@mantine/core";
import { describeClaims, readClaims } from "@slipway/automation/client";
import type { Update } from "@slipway/automation/contract";
import type { ReactNode } from "react";

/** Why an update was run as its client says it, in a cell of a table. */
export function Claim({ update }: { update: Pick<Update, "message" | "claimed" | "failure"> }) {
  const claims = describeClaims(update.claimed);
  return (
    <>
      {update.message !== null && <div>{update.message}</div>}
      {claims !== null && <div>{claims}</div>}
      {(update.message !== null || claims !== null) && (
        <Text c="dimmed" size="xs">
          claimed by the client
        </Text>
      )}
      {update.failure !== null && <div className="failure-line">{update.failure}</div>}
      {update.message === null && claims === null && update.failure === null && "–"}
    </>
  );
}

/** All that the client of an update says of itself. The server cannot check any of it, which is said beside it. */
export function Claimed({ update }: { update: Update }) {
  const { commit, branch, dirty, author, repository, ciSystem, ciUrl, pullRequest } = readClaims(
    update.claimed,
  );
  const rows: [string, ReactNode][] = [
    ["Message", update.message],
    ["Commit", commit === null ? null : <Code key="commit">{commit}</Code>],
    ["Branch", branch],
    ["Working tree", dirty === null ? null : dirty ? "has uncommitted changes" : "clean"],
    ["Author", author],
    ["Repository", repository],
    ["CI", ciSystem],
    ["Build", ciUrl === null ? null : <Link key="build" url={ciUrl} />],
    ["Pull request", pullRequest],
  ];
  const said = rows.filter(([, value]) => value !== null);
  const all = Object.entries(update.claimed);
  if (said.length === 0 && all.length === 0) return null;
  return (
    <section aria-labelledby="claimed">
      <Title order={2} size="h4" id="claimed" mb="xs">
        Claimed by the client
      </Title>
      <Paper withBorder p="md">
        <Text size="sm" c="dimmed" mb="xs">
          The Pulumi CLI says this of itself. Slipway cannot check it, and decides nothing by it.
        </Text>
        {said.length > 0 && (
          <dl className="facts">
            {said.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        )}
        {all.length > 0 && (
          <details className="more">
            <summary>All {all.length} values as they were sent</summary>
            <dl className="facts">
              {all.map(([name, value]) => (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd>{value}</dd>
                </div>
              ))}
            </dl>
          </details>
        )}
      </Paper>
    </section>
  );
}

function Link({ url }: { url: string }) {
  return (
    <Anchor href={url} target="_blank" rel="noreferrer" underline="always">
      {url}
    </Anchor>
  );
}
