import type { DocumentFacts } from "./facts.ts";
import { stackArgument } from "./stack-argument.ts";

/** What people have to do that no deployment does, for a release as it is recorded. */
export function manualSteps(facts: DocumentFacts): { step: string; done: string }[] {
  const { manifest, secrets, shipment, release } = facts;
  if (manifest === null) return [];
  const stack = stackArgument(facts.stack);
  const slots = secrets.filter(({ arn }) => arn !== null);
  const empty = slots.filter(({ versionId }) => versionId === null);
  return [
    ...(slots.length === 0
      ? []
      : [
          {
            step: `Put the values of the secrets (${slots.map(({ slot }) => slot).join(", ")}): \`slipway secrets populate --stack ${stack}\``,
            done:
              empty.length === 0
                ? "done: every slot holds a version"
                : `open: ${empty.map(({ slot }) => slot).join(", ")}`,
          },
        ]),
    ...(manifest.dns === null
      ? []
      : [
          {
            step: `See that the registrar of ${manifest.dns.zone} names the zone's name servers (\`slipway validate --stack ${stack} --only dns\`)`,
            done: doneBy(facts, "dns"),
          },
        ]),
    {
      step: "Confirm the mail of AWS with which each address subscribes to alerts",
      done: doneBy(facts, "monitoring"),
    },
    ...(shipment === null
      ? [
          {
            step: `Ship functions and site: \`slipway deploy --stack ${stack}\``,
            done: "open: nothing was shipped",
          },
        ]
      : []),
    ...(release.health === "pending"
      ? [
          {
            step: `Decide about the release: \`slipway hold --help\``,
            done: "open: its health is not decided",
          },
        ]
      : []),
  ];
}

function doneBy({ validation }: DocumentFacts, group: string): string {
  const found = validation.find((one) => one.group === group);
  if (found === undefined) return "open: not validated";
  return found.failed === 0 ? "done: the validation has seen it" : `open: ${found.failed} checks failed`;
}
