import pulumi from "@pulumi/pulumi";

export interface DatabaseArgs {
  /** Of the database and of the role that owns it: 1-63 of a-z, 0-9 and `_`. */
  name: pulumi.Input<string>;
}

/** A role and its database. Deleting the resource leaves both with all data; the next Database of that name takes them over. */
export class Database extends pulumi.CustomResource {
  /** Secret: it holds the generated password. */
  declare readonly connectionUrl: pulumi.Output<string>;

  constructor(name: string, args: DatabaseArgs, options?: pulumi.CustomResourceOptions) {
    super(
      "slipway-local:index:Database",
      name,
      { ...args, connectionUrl: undefined },
      {
        ...options,
        additionalSecretOutputs: ["connectionUrl"],
      },
    );
  }
}
