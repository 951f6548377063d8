import { execa } from "execa";
import { messageOf } from "../../errors.ts";

const VERSION_LIMIT_MILLISECONDS = 20_000;

/** Lowest version that is accepted from outside, and the first that is not any more. */
const ACCEPTED_RANGE = { from: [3, 250, 0], below: [4, 0, 0] } as const;

/** Asks a CLI for its version, without the leading v. Throws an Error that says why it does not answer. */
export async function readPulumiVersion(
  path: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  let stdout: string;
  try {
    ({ stdout } = await execa(path, ["version"], {
      env: { ...env, PULUMI_SKIP_UPDATE_CHECK: "true" },
      extendEnv: false,
      stdin: "ignore",
      timeout: VERSION_LIMIT_MILLISECONDS,
    }));
  } catch (error) {
    throw new Error(`${path} does not run: ${firstLine(messageOf(error))}`, { cause: error });
  }
  const version = stdout.trim().replace(/^v/, "");
  if (parts(version) === undefined)
    throw new Error(`${path} says that its version is "${firstLine(stdout)}"`);
  return version;
}

/** Why a version is not accepted, or undefined when it is. A pre-release comes before its release. */
export function refusalOf(version: string): string | undefined {
  const found = parts(version);
  const range = `Slipway works with ${ACCEPTED_RANGE.from.join(".")} up to, not including, ${ACCEPTED_RANGE.below.join(".")}`;
  if (found === undefined) return `its version "${version}" cannot be read; ${range}`;
  const lowest = compare(found.numbers, ACCEPTED_RANGE.from);
  if (lowest < 0 || (lowest === 0 && found.preRelease)) return `its version ${version} is too old; ${range}`;
  if (compare(found.numbers, ACCEPTED_RANGE.below) >= 0) return `its version ${version} is too new; ${range}`;
  return undefined;
}

function parts(version: string): { numbers: readonly number[]; preRelease: boolean } | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/.exec(version);
  if (match === null) return undefined;
  return { numbers: match.slice(1, 4).map(Number), preRelease: match[4] !== undefined };
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [index, number] of a.entries()) {
    const difference = number - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
