import { type AliasConfiguration, GetAliasCommand, UpdateAliasCommand } from "@aws-sdk/client-lambda";
import type { ManifestFunction } from "../../contract/aws/manifest.ts";
import { messageOf } from "../../errors.ts";
import { atOnce } from "../at-once.ts";
import { ask, puttingBack, type Shipping } from "../shipping.ts";

/** Where an alias stands. */
export interface AliasState {
  version: string;
  /** Some of its calls go to other versions. */
  isShared: boolean;
  /** Of this very state: an update that names another one is refused. */
  revision: string | undefined;
}

/** The versions at which aliases are to stand, by the name of the function in the manifest. */
export type Positions = Readonly<Record<string, string>>;

/** Reads where the alias of a function stands. */
export async function readAlias(shipping: Shipping, declared: ManifestFunction): Promise<AliasState> {
  return stateOf(
    await ask(
      shipping,
      { operation: "lambda:GetAlias", resource: `alias ${declared.name}:${declared.alias}` },
      (options) =>
        shipping.lambda.send(
          new GetAliasCommand({ FunctionName: declared.name, Name: declared.alias }),
          options,
        ),
    ),
  );
}

/**
 * Lets an alias stand at a version: for all calls, or with a share (0 to 1) of them at another. Refused with `aws_conflict` when it was moved since `revision` was read.
 */
export async function setAlias(
  shipping: Shipping,
  declared: ManifestFunction,
  version: string,
  revision: string | undefined,
  shared: { version: string; share: number } | null = null,
): Promise<AliasState> {
  return stateOf(
    await ask(
      shipping,
      { operation: "lambda:UpdateAlias", resource: `alias ${declared.name}:${declared.alias}` },
      (options) =>
        shipping.lambda.send(
          new UpdateAliasCommand({
            FunctionName: declared.name,
            Name: declared.alias,
            FunctionVersion: version,
            RoutingConfig: {
              AdditionalVersionWeights: shared === null ? {} : { [shared.version]: shared.share },
            },
            ...(revision === undefined ? {} : { RevisionId: revision }),
          }),
          options,
        ),
    ),
  );
}

/** Moves aliases, several at a time. When one cannot be moved the rest is not begun; what was moved stays for `putAliasesBack`. */
export async function moveAliases(
  shipping: Shipping,
  to: Positions,
  revisions: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  await atOnce(Object.entries(to), shipping.limits.functionsAtOnce, async ([name, version]) => {
    const declared = shipping.manifest.functions[name];
    if (declared !== undefined) await setAlias(shipping, declared, version, revisions[name]);
  });
}

/**
 * Takes every alias that does not stand where it should back there, as far as AWS lets it, also after a cancellation. Answers what was not put back, in words;
 * empty: all of it stands where it should.
 */
export async function putAliasesBack(shipping: Shipping, positions: Positions): Promise<string[]> {
  const now = puttingBack(shipping);
  const words = await atOnce(
    Object.entries(positions),
    shipping.limits.functionsAtOnce,
    async ([name, version]) => {
      const declared = shipping.manifest.functions[name];
      if (declared === undefined) return [];
      try {
        const alias = await readAlias(now, declared);
        if (alias.version === version && !alias.isShared) return [];
        await setAlias(now, declared, version, alias.revision);
        shipping.tell(`alias of ${name}: back at version ${version}`);
        return [];
      } catch (thrown) {
        return [`the alias of ${name} is not back at version ${version} (${messageOf(thrown)})`];
      }
    },
  );
  return words.flat();
}

function stateOf(alias: AliasConfiguration): AliasState {
  return {
    version: alias.FunctionVersion ?? "",
    isShared: Object.keys(alias.RoutingConfig?.AdditionalVersionWeights ?? {}).length > 0,
    revision: alias.RevisionId,
  };
}
