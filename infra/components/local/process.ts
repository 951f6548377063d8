import pulumi from "@pulumi/pulumi";
import type { Artifact } from "../../artifacts.ts";

export interface ProcessArgs {
  /** 1-63 of a-z, 0-9 and `-`. Shown in the keeper's list and in the name of the log. */
  name: pulumi.Input<string>;
  bundle: pulumi.Input<Artifact>;
  /** argv, relative to the bundle; `node` is the keeper's own Node. */
  command: pulumi.Input<pulumi.Input<string>[]>;
  /** Reaches the process by a 0600 file. PORT is added by the keeper. Default: none. */
  environment?: pulumi.Input<Record<string, pulumi.Input<string>>>;
  /** Answers 2xx once the process can serve. Default: /healthz. */
  healthPath?: pulumi.Input<string>;
  /** Default: 30. */
  healthTimeoutSeconds?: pulumi.Input<number>;
  /** Between SIGTERM and SIGKILL. Default: 10. */
  stopTimeoutSeconds?: pulumi.Input<number>;
}

/** A process that the keeper runs from its own copy of a bundle. Any change makes a new one, which is healthy before the old one is stopped. */
export class Process extends pulumi.CustomResource {
  /** http://127.0.0.1:port, of this process alone: it changes with every replacement. Put an Endpoint before it. */
  declare readonly url: pulumi.Output<string>;
  declare readonly port: pulumi.Output<number>;
  declare readonly pid: pulumi.Output<number>;
  declare readonly startedAt: pulumi.Output<string>;
  declare readonly logPath: pulumi.Output<string>;

  constructor(name: string, args: ProcessArgs, options?: pulumi.CustomResourceOptions) {
    const outputs = {
      url: undefined,
      port: undefined,
      pid: undefined,
      startedAt: undefined,
      logPath: undefined,
    };
    super("slipway-local:index:Process", name, { ...args, ...outputs }, options);
  }
}
