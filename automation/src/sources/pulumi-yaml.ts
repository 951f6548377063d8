import path from "node:path";
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { SlipwayError } from "../errors.ts";

/** A config key that Pulumi.yaml declares. */
export interface DeclaredConfig {
  type: string | null;
  secret: boolean;
  hasDefault: boolean;
}

/** What Slipway reads of Pulumi.yaml. */
export interface PulumiProject {
  name: string;
  /** Folder or file of the program, relative to Pulumi.yaml. */
  main: string;
  runtime: string;
  /** By full key, `namespace:name`. */
  config: Record<string, DeclaredConfig>;
  /** A provider lies in the project itself, and needs its dependencies also when the program does not run. */
  hasOwnProvider: boolean;
}

/** What Slipway reads of a Pulumi.<stack>.yaml. */
export interface StackConfigFile {
  /** By full key. Values that are not strings are their JSON text, which is what a program reads from Pulumi. */
  values: Record<string, string>;
  /** Values that are `{secure: <ciphertext>}` or hold such, by full key. */
  encrypted: Record<string, unknown>;
  /** What encrypts them, when that is not the backend: `encryptionsalt`, or `secretsprovider` with its address. */
  foreignKey: string | null;
}

const ConfigType = z.union([
  z.string(),
  z
    .looseObject({
      type: z.string().optional(),
      secret: z.boolean().optional(),
      default: z.unknown(),
      value: z.unknown(),
    })
    .partial(),
]);
const ProjectFile = z.looseObject({
  name: z.string().min(1),
  main: z.string().min(1).default("."),
  runtime: z.union([z.string(), z.looseObject({ name: z.string() })]),
  config: z.record(z.string(), ConfigType).nullish(),
  plugins: z
    .looseObject({ providers: z.array(z.looseObject({ path: z.string().optional() })).nullish() })
    .nullish()
    // Pulumi itself says what is wrong with it.
    .catch(undefined),
});

/** Parses Pulumi.yaml. Throws `source_invalid` with file and line, or with the field that is missing. */
export function parsePulumiProject(text: string): PulumiProject {
  const parsed = ProjectFile.safeParse(parseYaml(text, "Pulumi.yaml"));
  if (!parsed.success) {
    const shown = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
    throw new SlipwayError("source_invalid", `Pulumi.yaml: ${shown}`, { remedy: "Correct Pulumi.yaml." });
  }
  const { name, main, runtime, config, plugins } = parsed.data;
  const declared: Record<string, DeclaredConfig> = {};
  for (const [key, value] of Object.entries(config ?? {})) {
    declared[fullKey(key, name)] =
      typeof value === "string"
        ? { type: value, secret: false, hasDefault: false }
        : {
            type: value.type ?? null,
            secret: value.secret ?? false,
            hasDefault: value.default !== undefined || value.value !== undefined,
          };
  }
  return {
    name,
    main,
    runtime: typeof runtime === "string" ? runtime : runtime.name,
    config: declared,
    hasOwnProvider: (plugins?.providers ?? []).some((one) => one.path !== undefined && isInside(one.path)),
  };
}

/** Whether a path of Pulumi.yaml leads into the project's own folder. */
function isInside(relative: string): boolean {
  return !path.isAbsolute(relative) && !path.normalize(relative).startsWith("..");
}

/** Parses a Pulumi.<stack>.yaml of the project `projectName`. Throws `source_invalid`. */
export function parseStackConfig(text: string, file: string, projectName: string): StackConfigFile {
  const parsed = z
    .looseObject({
      config: z.record(z.string(), z.unknown()).nullish(),
      secretsprovider: z.string().nullish(),
      encryptedkey: z.string().nullish(),
      encryptionsalt: z.string().nullish(),
      environment: z.unknown().optional(),
    })
    .nullish()
    .safeParse(parseYaml(text, file));
  if (!parsed.success) {
    throw new SlipwayError("source_invalid", `${file}: config must be a map, the other fields texts`, {
      remedy: `Correct ${file}.`,
    });
  }
  if (parsed.data?.environment !== undefined) {
    // Left out in silence, what it brings would be missing; carried out, it could set the variables that say where the state is.
    throw new SlipwayError(
      "source_invalid",
      `${file}: 'environment' has no meaning for Slipway's state backend`,
      {
        remedy: 'Put what it brings into config: PUT .../config/<key>, secrets with "secret": true.',
      },
    );
  }
  const values: Record<string, string> = {};
  const encrypted: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(parsed.data?.config ?? {})) {
    if (holdsSecure(value)) encrypted[fullKey(key, projectName)] = value;
    else values[fullKey(key, projectName)] = typeof value === "string" ? value : JSON.stringify(value);
  }
  return { values, encrypted, foreignKey: foreignKeyOf(parsed.data ?? {}) };
}

/** The names that the Pulumi CLI gives to the backend's own encryption. */
const OF_THE_BACKEND = new Set(["", "default", "service"]);

function foreignKeyOf(file: {
  secretsprovider?: string | null | undefined;
  encryptedkey?: string | null | undefined;
  encryptionsalt?: string | null | undefined;
}): string | null {
  const provider = file.secretsprovider ?? "";
  if (!OF_THE_BACKEND.has(provider)) return `secretsprovider: ${provider}`;
  if (file.encryptionsalt) return "encryptionsalt: a passphrase";
  return file.encryptedkey ? "encryptedkey: a key of a cloud" : null;
}

/** The ciphertext of a `{secure: <ciphertext>}`; undefined for any other value. */
export function secureText(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const [[name, text] = [], ...others] = Object.entries(value);
  return name === "secure" && typeof text === "string" && others.length === 0 ? text : undefined;
}

function fullKey(key: string, projectName: string): string {
  return key.includes(":") ? key : `${projectName}:${key}`;
}

function holdsSecure(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (secureText(value) !== undefined) return true;
  return Object.values(value).some(holdsSecure);
}

function parseYaml(text: string, file: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const first = document.errors[0];
  if (first !== undefined) {
    throw new SlipwayError(
      "source_invalid",
      `${file}:${lines.linePos(first.pos[0]).line}: ${first.message}`,
      {
        remedy: `Correct ${file}.`,
      },
    );
  }
  return document.toJS({ maxAliasCount: 100 });
}
