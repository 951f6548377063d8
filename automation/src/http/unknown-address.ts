import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { SlipwayError } from "../errors.ts";

interface Address {
  method: string;
  pattern: RegExp;
}

/** Remembers the routes, to tell a wrong method (405) from an address that does not exist (404). Call before any route. */
export function watchAddresses(
  app: FastifyInstance,
): (request: FastifyRequest, reply: FastifyReply) => never {
  const addresses: Address[] = [];
  app.addHook("onRoute", (route) => {
    if (route.url.includes("*")) return;
    const pattern = route.url
      .split("/")
      .map((part) => (part.startsWith(":") ? "[^/]+" : part.replace(/[^\w-]/g, "\\$&")))
      .join("/");
    for (const method of [route.method].flat())
      addresses.push({ method, pattern: new RegExp(`^${pattern}$`) });
  });
  return (request, reply) => {
    const path = request.url.split("?")[0] ?? "";
    const methods = new Set(
      addresses.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method),
    );
    if (methods.size === 0) {
      throw new SlipwayError("not_found", "There is nothing at this address.", {
        remedy: "The reference of all addresses is at /docs.",
      });
    }
    const allow = [...methods].sort().join(", ");
    reply.header("allow", allow);
    throw new SlipwayError("method_not_allowed", `This address answers ${allow}, not ${request.method}.`);
  };
}
