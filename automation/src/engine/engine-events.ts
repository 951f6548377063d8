import { z } from "zod";

/** The parts of Pulumi's apitype.EngineEvent that an outcome is made of. Source: sdk/go/common/apitype/events.go at 3.250.0. */
const Diagnostic = z.object({
  diagnosticEvent: z.object({ severity: z.string(), message: z.string(), urn: z.string().optional() }),
});
const Summary = z.object({
  summaryEvent: z.object({ resourceChanges: z.record(z.string(), z.int()).nullish() }),
});

/** Collects from engine events what the outcome of a request says. */
export interface EventDigest {
  add(event: Record<string, unknown>): void;
  /** Messages of diagnostics with severity error, in order, each once. */
  readonly errors: string[];
  readonly changes: Record<string, number>;
}

export function digestEvents(): EventDigest {
  const errors: string[] = [];
  const changes: Record<string, number> = {};
  return {
    errors,
    changes,
    add(event) {
      const diagnostic = "diagnosticEvent" in event ? Diagnostic.safeParse(event) : undefined;
      if (diagnostic?.success === true && diagnostic.data.diagnosticEvent.severity === "error") {
        const message = withoutColours(diagnostic.data.diagnosticEvent.message).trim();
        if (message !== "" && !errors.includes(message)) errors.push(message);
      }
      const summary = "summaryEvent" in event ? Summary.safeParse(event) : undefined;
      if (summary?.success === true) Object.assign(changes, summary.data.summaryEvent.resourceChanges ?? {});
    },
  };
}

/** Removes the colour directives (`<{%reset%}>`) that Pulumi writes into its messages. */
export function withoutColours(text: string): string {
  return text.replace(/<\{%[^%]*%\}>/gu, "");
}
