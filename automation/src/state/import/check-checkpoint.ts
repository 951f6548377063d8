import { createHash } from "node:crypto";
import { z } from "zod";
import { SlipwayError } from "../../errors.ts";
import { countOf, isAbsent, membersOf, type Raw, rawText, wholeValue } from "../journal/raw-json.ts";

/** Versions of a deployment that today's CLI writes; older ones it rewrites by any update. */
const VERSIONS: ReadonlySet<number> = new Set([3, 4]);

/** What a stack's file of a DIY backend holds. */
export interface CheckedCheckpoint {
  /** JSON text of the UntypedDeployment, the deployment byte for byte as in the file; null when the stack was never updated. */
  readonly text: string | null;
  readonly resourceCount: number;
  /** `passphrase`, `cloud`, `service` ...; null when the state names none. */
  readonly secretsProvider: string | null;
  /** Where a cloud provider's key is, without secrets; null for other providers. */
  readonly secretsUrl: string | null;
  /** The salt line of a passphrase provider. */
  readonly encryptionSalt: string | null;
  /** Names of the stacks whose outputs the program reads, as it writes them. */
  readonly references: readonly string[];
  readonly pendingOperations: number;
  /** Projects that the URNs name: one, or none for a state without resources. */
  readonly projects: readonly string[];
}

/** Whose checkpoint it must be. */
export interface CheckpointNames {
  stack: string;
  /** Null: any one project. */
  project: string | null;
}

const Deployment = z.looseObject({
  manifest: z.looseObject({ magic: z.string().optional(), version: z.string().optional() }).optional(),
  secrets_providers: z.looseObject({ type: z.string().optional(), state: z.unknown() }).nullish(),
  resources: z
    .array(
      z.looseObject({
        urn: z.string(),
        type: z.string().optional(),
        parent: z.string().optional(),
        provider: z.string().optional(),
        dependencies: z.array(z.string()).nullish(),
        inputs: z.looseObject({}).nullish(),
      }),
    )
    .nullish(),
  pending_operations: z.array(z.unknown()).nullish(),
});
type Deployment = z.output<typeof Deployment>;
const PassphraseState = z.looseObject({ salt: z.string() });
const CloudState = z.looseObject({ url: z.string() });

/**
 * Checks the text of a checkpoint file (`{version, features?, checkpoint: {latest}}`) and takes the deployment out of it without touching a byte.
 * Its URNs must name `stack` and, unless null, `project`. Throws SlipwayError `invalid_state` with what is wrong and what helps.
 */
export function checkCheckpoint(text: string, { stack, project }: CheckpointNames): CheckedCheckpoint {
  const { latest, wrapped } = takeDeployment(text);
  if (latest === null) return EMPTY;
  const deployment = parseDeployment(rawText(latest));
  const resources = deployment.resources ?? [];
  checkMagic(deployment);
  const projects = checkUrns(resources, stack, project);
  checkOrder(resources);
  const provider = deployment.secrets_providers ?? null;
  const type = provider?.type ?? null;
  const salt = type === "passphrase" ? PassphraseState.safeParse(provider?.state) : null;
  const cloud = type === "cloud" ? CloudState.safeParse(provider?.state) : null;
  return {
    text: wrapped,
    resourceCount: resources.length,
    secretsProvider: type === "" ? null : type,
    secretsUrl: cloud?.success === true ? cloud.data.url : null,
    encryptionSalt: salt?.success === true ? salt.data.salt : null,
    references: referencesOf(resources),
    pendingOperations: deployment.pending_operations?.length ?? 0,
    projects,
  };
}

const EMPTY: CheckedCheckpoint = {
  text: null,
  resourceCount: 0,
  secretsProvider: null,
  secretsUrl: null,
  encryptionSalt: null,
  references: [],
  pendingOperations: 0,
  projects: [],
};

function takeDeployment(text: string): { latest: Raw | null; wrapped: string } {
  let version: number;
  let features: Raw | undefined;
  let latest: Raw | undefined;
  try {
    const members = membersOf(wholeValue(text));
    const checkpoint = members.get("checkpoint");
    const versionValue = members.get("version");
    // Before versions were written, the file was the checkpoint itself.
    version = versionValue === undefined ? 0 : countOf(versionValue);
    features = members.get("features");
    latest = isAbsent(checkpoint) ? undefined : membersOf(checkpoint).get("latest");
  } catch (cause) {
    throw invalid("The file is no checkpoint of Pulumi, or a part of it is missing.", RESTORE, cause);
  }
  if (!VERSIONS.has(version)) throw invalid(`The checkpoint has version ${version}.`, UPGRADE);
  if (isAbsent(latest)) return { latest: null, wrapped: "" };
  const head = isAbsent(features) ? "" : `"features":${rawText(features)},`;
  return { latest, wrapped: `{"version":${version},${head}"deployment":${rawText(latest)}}` };
}

function parseDeployment(text: string): Deployment {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid("The state is not valid JSON.", RESTORE, cause);
  }
  const result = Deployment.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw invalid(
    `The state is damaged: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}.`,
    RESTORE,
    result.error,
  );
}

/** Pulumi refuses a state whose manifest does not carry the digest of its own version. */
function checkMagic({ manifest }: Deployment): void {
  const { magic = "", version = "" } = manifest ?? {};
  if (magic === "" || magic === createHash("sha256").update(version).digest("hex")) return;
  throw invalid("The manifest of the state is damaged.", RESTORE);
}

type Resource = NonNullable<Deployment["resources"]>[number];
const URN = /^urn:pulumi:([^:]+)::([^:]+)::.+::/s;

function checkUrns(resources: readonly Resource[], stack: string, project: string | null): string[] {
  const projects = new Set<string>();
  for (const { urn } of resources) {
    const [, ofStack, ofProject] = URN.exec(urn) ?? [];
    if (ofStack === undefined || ofProject === undefined)
      throw invalid(`${JSON.stringify(urn.slice(0, 200))} is no URN.`, RESTORE);
    if (ofStack !== stack || (project !== null && ofProject !== project))
      throw invalid(
        `The state is that of ${ofProject}/${ofStack}, not of ${project ?? ofProject}/${stack}.`,
        "Give the file the name of its stack, or rename the stack with `pulumi stack rename`.",
      );
    projects.add(ofProject);
  }
  if (projects.size > 1)
    throw invalid(`The state names several projects: ${[...projects].join(", ")}.`, RESTORE);
  return [...projects];
}

/** What a resource needs comes before it; Pulumi refuses a state where it does not. */
function checkOrder(resources: readonly Resource[]): void {
  const known = new Set<string>();
  for (const { urn, parent = "", provider = "", dependencies } of resources) {
    const providerUrn = provider.slice(0, Math.max(0, provider.lastIndexOf("::")));
    const missing = [parent, providerUrn, ...(dependencies ?? [])].find(
      (needed) => needed !== "" && !known.has(needed),
    );
    if (missing !== undefined)
      throw invalid(
        `${urn} needs ${missing}, which is not before it in the state.`,
        "Run `pulumi state repair` on the stack first.",
      );
    known.add(urn);
  }
}

function referencesOf(resources: readonly Resource[]): string[] {
  const names = resources.flatMap(({ type, inputs }) => {
    const name = inputs?.name;
    return type === "pulumi:pulumi:StackReference" && typeof name === "string" ? [name] : [];
  });
  return [...new Set(names)];
}

const RESTORE = "Restore the stack's file from a backup, such as the .bak beside it, and import again.";
const UPGRADE =
  "Run `pulumi refresh` or `pulumi up` on it with a current CLI, which rewrites it, and import again.";

function invalid(message: string, remedy: string, cause?: unknown): SlipwayError {
  return new SlipwayError("invalid_state", message, { remedy, ...(cause === undefined ? {} : { cause }) });
}
