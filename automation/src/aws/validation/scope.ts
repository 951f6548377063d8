import type { AwsManifest } from "../../contract/aws/manifest.ts";
import type { ValidationSettings } from "../../contract/aws/validation.ts";
import { clientSettings } from "../clients.ts";
import type { AwsContext } from "../task.ts";
import { notApplicable, type PlannedCheck } from "./check.ts";
import type { Requester } from "./request.ts";

/** What the checks of every group are given. */
export interface Scope {
  manifest: AwsManifest;
  settings: ValidationSettings;
  /** When the release that is checked was put in place. */
  deployedAt: Date;
  context: AwsContext;
  now: () => Date;
  request: Requester;
  /** Certificates (PEM) trusted beside the default ones. */
  extraCa: string | null;
}

/** Uses a client of AWS for one piece of work; `region` for what lives in another one than the stack. */
export async function withClient<C extends { destroy(): void }, T>(
  { context }: Scope,
  make: (settings: ReturnType<typeof clientSettings>) => C,
  use: (client: C, options: { abortSignal: AbortSignal }) => Promise<T>,
  region: string = context.region,
): Promise<T> {
  const client = make(clientSettings({ region, endpoint: context.endpoint }));
  try {
    return await use(client, { abortSignal: context.signal });
  } finally {
    client.destroy();
  }
}

/** A check in a group that has nothing to check, with the reason. */
export function nothingTo(check: string, reason: string): PlannedCheck {
  return { check, look: async () => notApplicable(reason) };
}
