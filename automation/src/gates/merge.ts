import type { Gate } from "../contract/gates.ts";

/** A gate with who asks for it. */
export interface SourcedGate {
  gate: Gate;
  source: "project" | "stack";
}

const MAX_NAME = 63;
const SUFFIX = "-of-project";

/** The gates of a deployment: those that the stack requires, then what slipway.yaml adds. One that has the name of a required one is made under another: a source takes nothing away. */
export function mergeGates(required: readonly Gate[], own: readonly Gate[]): SourcedGate[] {
  const key = ({ phase, name }: Pick<Gate, "phase" | "name">) => `${phase} ${name}`;
  const taken = new Set([...required, ...own].map(key));
  const requiredNames = new Set(required.map(key));
  return [
    ...required.map((gate): SourcedGate => ({ gate, source: "stack" })),
    ...own.map((gate): SourcedGate => {
      if (!requiredNames.has(key(gate))) return { gate, source: "project" };
      let name = gate.name;
      for (let number = 1; taken.has(key({ phase: gate.phase, name })); number += 1) {
        const suffix = number === 1 ? SUFFIX : `${SUFFIX}-${number}`;
        name = gate.name.slice(0, MAX_NAME - suffix.length) + suffix;
      }
      taken.add(key({ phase: gate.phase, name }));
      return { gate: { ...gate, name }, source: "project" };
    }),
  ];
}
