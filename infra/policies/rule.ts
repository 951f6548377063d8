import type { ResourceValidationPolicy } from "@pulumi/policy";

export type Props = Readonly<Record<string, unknown>>;

/** A resource as a rule sees it. Reading a property that is not known yet throws: the engine then asks again when it is. */
export interface Seen {
  type: string;
  name: string;
  props: Props;
  /** Pulumi refuses to delete it. */
  isProtected: boolean;
}

/** What is wrong with a resource, a sentence each; none: it passes. */
export type Rule = (seen: Seen) => readonly string[];

/** A mandatory policy that looks at each resource of the provider `aws` by itself. */
export function resourcePolicy(name: string, description: string, rule: Rule): ResourceValidationPolicy {
  return {
    name,
    description,
    enforcementLevel: "mandatory",
    validateResource: ({ type, name: resource, props, opts }, report) => {
      if (!type.startsWith("aws:")) return;
      for (const problem of rule({ type, name: resource, props, isProtected: opts.protect })) {
        report(`${resource}: ${problem}.`);
      }
    },
  };
}

/** The value at a path such as `a.b`; undefined when there is nothing. Elements of lists are named by number. */
export function at(props: Props, path: string): unknown {
  let value: unknown = props;
  for (const key of path.split(".")) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Props)[key];
  }
  return value;
}

/** The elements of a list; none for what is no list. */
export function listAt(props: Props, path: string): readonly unknown[] {
  const value = at(props, path);
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

/** Whether a property is given, known or not. */
export function isGiven(props: Props, key: string): boolean {
  return Object.hasOwn(props, key);
}
