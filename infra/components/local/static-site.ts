import pulumi from "@pulumi/pulumi";
import type { Artifact } from "../../artifacts.ts";

export interface StaticSiteArgs {
  name: pulumi.Input<string>;
  /** A folder with an index.html. Files with a digest in their name are cached for ever, the rest is asked for each time. */
  bundle: pulumi.Input<Artifact>;
  /** Generated as JSON at `configPath`, so that one build serves every environment. Public. Default: {}. */
  runtimeConfig?: pulumi.Input<Record<string, unknown>>;
  /** Default: /config.json. */
  configPath?: pulumi.Input<string>;
}

/** Files that the keeper serves itself, with index.html for the pages of a single-page application. */
export class StaticSite extends pulumi.CustomResource {
  /** http://127.0.0.1:port, of this very content: it changes with every replacement. */
  declare readonly url: pulumi.Output<string>;
  declare readonly port: pulumi.Output<number>;

  constructor(name: string, args: StaticSiteArgs, options?: pulumi.CustomResourceOptions) {
    super("slipway-local:index:StaticSite", name, { ...args, url: undefined, port: undefined }, options);
  }
}
