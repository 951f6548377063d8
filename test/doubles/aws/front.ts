import type { IncomingMessage } from "node:http";
import { z } from "zod";
import type { Certificate } from "../../helpers/certificate.ts";
import { type Edges, forward } from "./edge.ts";
import { type Listening, listen, plain, type Reply } from "./listen.ts";

/** What answers under a name of somebody's own, as the stand-in for AWS has it. */
const Owner = z.object({
  /** Name of a distribution. */
  site: z.string().optional(),
  /** Null: no API is mapped to the name. */
  api: z.string().nullish(),
  stage: z.string().nullish(),
  cert: z.string().optional(),
  key: z.string().optional(),
});
type Owner = z.infer<typeof Owner>;

/**
 * Where the names of distributions and APIs lead, all of them to one address: the name decides who answers, and with which certificate. It is asked anew each time, so
 * that what is changed shows at once. `fallback` is shown for names that have none.
 */
export function startFront(fallback: Certificate, edges: Edges, url: () => string): Promise<Listening> {
  const ownerOf = async (name: string): Promise<Owner> => {
    const asked = await fetch(`${url()}/_control`, { method: "POST", body: JSON.stringify({ owner: name }) });
    return Owner.parse(await asked.json());
  };
  const answer = async (request: IncomingMessage, secure: boolean): Promise<Reply> => {
    const name = (request.headers.host ?? "").replace(/:\d+$/, "").toLowerCase();
    const { site, api, stage } = await ownerOf(name);
    if (site !== undefined) return edges.site(request, secure, name);
    if (api === undefined) return plain(403, "nobody has this name");
    if (api === null || !secure) return plain(403, "Forbidden");
    const below = stage === "$default" || stage === null || stage === undefined ? "" : `/${stage}`;
    const path = `/_execute-api/${api}${below}${request.url ?? "/"}`;
    return forward(request, { url: url() }, path, { "x-stand-in-name": name });
  };
  return listen(fallback, answer, async (name) => {
    const { cert, key } = await ownerOf(name);
    return cert === undefined || key === undefined ? undefined : { cert, key };
  });
}
