import pulumi from "@pulumi/pulumi";

export interface EndpointRoute {
  /** Requests below this path; the longest one that matches wins. */
  path: pulumi.Input<string>;
  /** The url of a Process or a StaticSite. */
  upstream: pulumi.Input<string>;
}

export interface EndpointArgs {
  name: pulumi.Input<string>;
  /** Default: one that the keeper chooses and keeps. Another port means another endpoint. */
  port?: pulumi.Input<number> | undefined;
  routes: pulumi.Input<pulumi.Input<EndpointRoute>[]>;
  /** How long requests to an upstream that was left may still take. Default: 5. */
  drainTimeoutSeconds?: pulumi.Input<number>;
}

/** A stable loopback port. Its routes move only to processes that answer their health path, and only then are the old ones drained. */
export class Endpoint extends pulumi.CustomResource {
  declare readonly url: pulumi.Output<string>;
  declare readonly port: pulumi.Output<number>;

  constructor(name: string, args: EndpointArgs, options?: pulumi.CustomResourceOptions) {
    // A port that is not given is an output, so it must be named here as well.
    super("slipway-local:index:Endpoint", name, { ...args, port: args.port, url: undefined }, options);
  }
}
