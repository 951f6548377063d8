import type { Place } from "../components/aws/place.ts";

/** A statement of an IAM policy whose values are all known. */
export interface PlainStatement {
  Sid: string;
  Effect: "Allow" | "Deny";
  Action: string | string[];
  Resource: string | string[];
  Condition?: Record<string, Record<string, string | string[]>>;
}

export interface PlainDocument {
  Version: "2012-10-17";
  Statement: PlainStatement[];
}

/** Where a deployer works: a stack whose roles have a boundary. */
export type DeployerPlace = Place & { boundaryArn: string };
