/** Asks Slipway as somebody. */
export interface Person {
  ask(method: "GET" | "POST" | "PUT", path: string, body?: unknown): Promise<Answer>;
}

/** An answer of Slipway's, whatever its status. */
export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** Whoever holds a token or a session of the Slipway at `url`. */
export function personWith(url: string, token: string): Person {
  return {
    ask: async (method, path, body) => {
      const answer = await fetch(`${url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
    },
  };
}

/** The body of an answer that is no refusal. Throws with what was said otherwise. */
export async function done(asked: Promise<Answer>): Promise<Record<string, unknown>> {
  const { status, body } = await asked;
  if (status >= 300) throw new Error(`${String(status)}: ${JSON.stringify(body)}`);
  return body;
}

/** Makes a person of the organisation `default`, and signs them in: what people decide takes more than a token. */
export async function makePerson(url: string, owner: Person, name: string, role: string): Promise<Person> {
  await done(owner.ask("PUT", `/v1/organisations/default/members/${name}`, { role }));
  const token = await done(owner.ask("POST", "/v1/tokens", { name: "tour", principal: `user:${name}` }));
  const session = await done(personWith(url, String(token.value)).ask("POST", "/v1/sessions"));
  return personWith(url, String(session.value));
}
