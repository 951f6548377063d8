import type { AnswerBody, TestApi } from "./api.ts";
import { eventually } from "./waiting.ts";

/** A deployment at its end. Throws when it has not ended within `withinMs`. */
export function endedWithin(api: Pick<TestApi, "ask">, id: string, withinMs: number): Promise<AnswerBody> {
  return eventually(`deployment ${id} ended`, withinMs, async () => {
    const { body } = await api.ask("GET", `/v1/deployments/${id}?wait=10`);
    return body.finishedAt === null ? undefined : body;
  });
}
