import {
  assertEnd,
  countOf,
  isAbsent,
  jsonError,
  type Raw,
  type RawMembers,
  readArray,
  readObject,
  skipSpace,
  skipValue,
  stringsOf,
} from "./raw-json.ts";
import { type Operation, type Resource, readOperations, readResource } from "./resource.ts";

/** Schema versions of a state that are read; 4 is 3 with features that old CLIs must refuse. */
const NEWEST_VERSION = 4;

/** A deployment of Pulumi's (`DeploymentV3`): its resources, and everything else as it came. */
export interface Snapshot {
  readonly resources: readonly Resource[];
  readonly operations: readonly Operation[];
  /** All other members: secrets_providers, metadata, snippets, extensions and what newer versions add. */
  readonly members: RawMembers;
}

/** A state as it is stored and exported (`UntypedDeployment`). */
export interface StateDocument {
  readonly version: number;
  readonly features: readonly string[];
  readonly snapshot: Snapshot;
}

export const EMPTY_SNAPSHOT: Snapshot = { resources: [], operations: [], members: new Map() };

/** Reads the deployment that begins at `start` and where it ends. Throws SlipwayError `invalid_json` when it is none. */
export function readSnapshot(text: string, start: number): { snapshot: Snapshot; end: number } {
  const members: RawMembers = new Map();
  const resources: Resource[] = [];
  let operations: readonly Operation[] = [];
  const end = readObject(text, start, (name, from) => {
    if (name === "resources" && text.charCodeAt(from) === 91) {
      return readArray(text, from, (at) => {
        const read = readResource(text, at);
        resources.push(read.resource);
        return read.end;
      });
    }
    const raw: Raw = { text, start: from, end: skipValue(text, from) };
    if (name === "pending_operations") operations = readOperations(raw);
    else if (name === "resources" && !isAbsent(raw)) throw jsonError(text, from, "a list of resources");
    else members.set(name, raw);
    return raw.end;
  });
  return { snapshot: { resources, operations, members }, end };
}

/** Reads a state. A stack that was never updated has no deployment or null. Throws SlipwayError `invalid_json` when the text is no state. */
export function readStateDocument(text: string): StateDocument {
  const members: RawMembers = new Map();
  let snapshot = EMPTY_SNAPSHOT;
  const start = skipSpace(text, 0);
  const end = readObject(text, start, (name, from) => {
    if (name === "deployment" && text.charCodeAt(from) === 123) {
      const read = readSnapshot(text, from);
      snapshot = read.snapshot;
      return read.end;
    }
    const raw: Raw = { text, start: from, end: skipValue(text, from) };
    if (name === "deployment" && !isAbsent(raw)) throw jsonError(text, from, "a deployment");
    members.set(name, raw);
    return raw.end;
  });
  assertEnd(text, end);
  const version = members.get("version");
  if (isAbsent(version)) throw jsonError(text, start, "a state with a version");
  const number = countOf(version);
  if (number < 1 || number > NEWEST_VERSION) {
    throw jsonError(text, version.start, `a version from 1 to ${NEWEST_VERSION}`);
  }
  return { version: number, features: stringsOf(members.get("features")), snapshot };
}
