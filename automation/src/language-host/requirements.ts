import type {
  PackageDependency,
  PackageParameterization,
  PluginDependency,
} from "@pulumi/pulumi/proto/plugin_pb.js";
import pluginPb from "@pulumi/pulumi/proto/plugin_pb.js";
import { asRecord, type InstalledPackage, installedPackages } from "./packages.ts";

/** A provider plugin that an installed package asks for in the `pulumi` key of its package.json. */
interface Requirement {
  readonly name: string;
  readonly version: string;
  readonly server: string;
  readonly parameterization: PackageParameterization | undefined;
}

/** The Pulumi packages that a program needs, in the newer form, with parameters of parameterised providers. */
export async function requiredPackages(programDirectory: string): Promise<PackageDependency[]> {
  return (await requirements(programDirectory)).map((requirement) =>
    new pluginPb.PackageDependency()
      .setName(requirement.name)
      .setKind("resource")
      .setVersion(requirement.version)
      .setServer(requirement.server)
      .setParameterization(requirement.parameterization),
  );
}

/** The same for engines that still ask for plugins. */
export async function requiredPlugins(programDirectory: string): Promise<PluginDependency[]> {
  return (await requirements(programDirectory)).map((requirement) =>
    new pluginPb.PluginDependency()
      .setName(requirement.name)
      .setKind("resource")
      .setVersion(requirement.version)
      .setServer(requirement.server),
  );
}

async function requirements(programDirectory: string): Promise<Requirement[]> {
  const packages = await installedPackages(programDirectory, {
    deep: true,
    skipSdk: true,
    development: true,
  });
  return packages.filter((installed) => installed.pulumi.resource === true).map(requirementOf);
}

function requirementOf(installed: InstalledPackage): Requirement {
  const { pulumi } = installed;
  const version = text(pulumi.version) || installed.version;
  return {
    name: text(pulumi.name) || pluginNameOf(installed),
    version: version.startsWith("v") ? version : `v${version}`,
    server: text(pulumi.server),
    parameterization: parameterizationOf(pulumi.parameterization),
  };
}

function pluginNameOf(installed: InstalledPackage): string {
  if (installed.name.startsWith("@pulumi/")) return installed.name.slice("@pulumi/".length);
  throw new Error(
    `The package ${installed.name} says that it needs a provider plugin, but its package.json has no pulumi.name.`,
  );
}

function parameterizationOf(value: unknown): PackageParameterization | undefined {
  if (value === undefined) return undefined;
  const parameterization = asRecord(value);
  return new pluginPb.PackageParameterization()
    .setName(text(parameterization.name))
    .setVersion(text(parameterization.version))
    .setValue(text(parameterization.value));
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
