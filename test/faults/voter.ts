import { setTimeout as pause } from "node:timers/promises";
import { createClient } from "../../automation/src/client/index.ts";
import type { Bed } from "./bed.ts";
import { isPassing } from "./passing.ts";
import type { WitnessProject } from "./project.ts";

const LOOK_EVERY_MS = 200;
const VOTER = "vera";

/** Somebody who votes for whatever of a project waits. */
export interface Voter {
  /** Ends it; rejects with what it could not get over. */
  stop(): Promise<void>;
}

/** Makes a stack ask for the vote of somebody who did not request the change, and lets that person vote until `stop`, whatever goes away meanwhile. */
export async function protectByVotes(bed: Bed, project: WitnessProject): Promise<Voter> {
  const { client, baseUrl } = bed;
  const organisation = project.params.organisation;
  await client.setMember({ params: { organisation, member: VOTER }, body: { role: "deployer" } });
  await client.createGroup({ params: { organisation, group: "deciders" } });
  await client.addToGroup({ params: { organisation, group: "deciders", person: VOTER } });
  await client.setStackRules({
    params: project.params,
    body: { rules: [{ name: "second-pair-of-eyes", need: 1, from: ["deciders"] }] },
  });
  const { value: token } = await client.createToken({
    body: { principal: `user:${VOTER}`, name: `votes for ${project.name}` },
  });
  const { value: session } = await createClient({ baseUrl, token }).signIn({});
  const person = createClient({ baseUrl, token: session });
  const stopping = new AbortController();
  const voting = (async () => {
    while (!stopping.signal.aborted) {
      try {
        const { items } = await person.listApprovals({ query: { waitingFor: "me" } });
        for (const { deploymentId: id, seal, project: name } of items) {
          if (name !== project.name) continue;
          await person.castVote({ params: { id }, body: { verdict: "approve", seal } });
        }
      } catch (error) {
        if (!isPassing(error)) throw error;
      }
      // The only rejection is the abort, which ends the loop.
      await pause(LOOK_EVERY_MS, undefined, { signal: stopping.signal }).catch(() => {});
    }
  })();
  // Awaited by `stop`; until then a failure is not unhandled.
  voting.catch(() => {});
  return {
    stop: async () => {
      stopping.abort();
      await voting;
    },
  };
}
