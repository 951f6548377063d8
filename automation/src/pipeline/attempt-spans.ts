import type { Claim } from "../attempts/store.ts";
import type { Span, Tracing } from "../monitoring/tracing.ts";

/** The spans of one attempt: itself, and the step that it is at. */
export interface AttemptSpans {
  /** Of what the step that runs starts. */
  traceParent(): string | null;
  /** A step begins; the one before has ended. */
  step(name: string): void;
  /** The step that runs has ended, with an error when it failed. */
  stepEnded(error?: string): void;
  /** The attempt has ended. */
  end(error?: string): void;
}

/** Begins an attempt's span in the trace of the request that asked for the deployment. */
export function openAttemptSpans(tracing: Tracing, claim: Claim, parent: string | null): AttemptSpans {
  const attempt = tracing.start(`deployment ${claim.operation}`, {
    parent,
    attributes: {
      "slipway.deployment": claim.deploymentId,
      "slipway.attempt": claim.attempt,
      "slipway.stack": `${claim.organisation}/${claim.project}/${claim.stack}`,
    },
  });
  let step: Span | null = null;
  return {
    traceParent: () => (step ?? attempt).traceParent,
    step: (name) => {
      step?.end();
      step = tracing.start(`step ${name}`, { parent: attempt.traceParent });
    },
    stepEnded: (error) => {
      step?.end(error);
      step = null;
    },
    end: (error) => {
      step?.end();
      attempt.end(error);
    },
  };
}
