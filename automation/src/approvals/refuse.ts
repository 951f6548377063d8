import type { Actor } from "../access/rules.ts";
import { can } from "../access/rules.ts";
import type { Database } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { isProduction, PRODUCTION_TAG } from "./matching.ts";
import type { Guard } from "./rule-sets-store.ts";
import { isProtected, readGuard } from "./rule-sets-store.ts";

/**
 * Throws SlipwayError `approval_required` when a stack is only changed by deployments that people approve: for whatever would change it on another way. `what`: in words, as the subject of the
 * sentence.
 */
export async function refuseUnapproved(db: Database, stackId: string, what: string): Promise<void> {
  const guard = await readGuard(db, stackId);
  if (guard === undefined || !isProtected(guard)) return;
  throw new SlipwayError("approval_required", `${what} cannot change ${nameOf(guard)}: ${why(guard)}`, {
    remedy: `Look with pulumi preview, and change it by a deployment that people approve: slipway deploy -s ${nameOf(guard)}`,
  });
}

/** Throws `approval_required` for a deployment without a preview of a stack that asks for approval: nobody could know what they vote for. */
export async function refuseSkippedPreview(db: Database, stackId: string): Promise<void> {
  const guard = await readGuard(db, stackId);
  if (guard === undefined || !isProtected(guard)) return;
  throw new SlipwayError("approval_required", `The preview cannot be skipped: ${why(guard)}`, {
    remedy: "Leave out options.skipPreview (--skip-preview): what is approved is what the preview says.",
    details: {
      issues: [
        { path: "body.options.skipPreview", message: "is not possible on a stack that asks for approval" },
      ],
    },
  });
}

/** Throws `forbidden` when somebody who may not set a stack's rules takes away the tag that protects it. */
export async function refuseUnprotecting(
  db: Database,
  { stackId, actor, tags }: { stackId: string; actor: Actor; tags: Readonly<Record<string, string>> },
): Promise<void> {
  const guard = await readGuard(db, stackId);
  if (guard?.production !== true || isProduction(tags)) return;
  if (can(actor, "stack.protect", { organisation: guard.organisation, stackId })) return;
  const tag = `${PRODUCTION_TAG.name}: ${PRODUCTION_TAG.value}`;
  throw new SlipwayError(
    "forbidden",
    `${actor.name} may not take the tag ${tag} from ${nameOf(guard)}: it asks for approval.`,
    {
      remedy: "Ask an admin of the organisation.",
    },
  );
}

/** The tags that a run of the engine sets, without a change of the one that protects the stack: a program's config must not lift that. */
export async function keepProtection(
  db: Database,
  stackId: string,
  tags: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>>> {
  const guard = await readGuard(db, stackId);
  return guard?.production === true ? { ...tags, [PRODUCTION_TAG.name]: PRODUCTION_TAG.value } : tags;
}

function nameOf({ organisation, project, stack }: Guard): string {
  return `${organisation}/${project}/${stack}`;
}

function why({ production, rules }: Guard): string {
  return rules.rules.length > 0
    ? "its rules ask for approval of changes."
    : production
      ? `it has the tag ${PRODUCTION_TAG.name}: ${PRODUCTION_TAG.value}, and is changed with approval only.`
      : "";
}
