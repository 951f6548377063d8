import { Title } from "@mantine/core";
import type { StepProgress } from "@slipway/automation/client";
import { Elapsed } from "../components/Elapsed.tsx";
import { Status } from "../components/Status.tsx";

/** The steps of a deployment in their order. */
export function Steps({ steps }: { steps: readonly StepProgress[] }) {
  if (steps.length === 0) return null;
  return (
    <section aria-labelledby="steps">
      <Title order={2} size="h4" id="steps" mb="xs">
        Steps
      </Title>
      <ol className="steps">
        {steps.map((step) => (
          <li key={step.name} aria-current={step.state === "running" ? "step" : undefined}>
            <span>
              <Status value={step.state} />
            </span>
            <strong>{step.name}</strong>
            <span className="step-time">
              {step.startedAt !== null && step.state !== "skipped" && (
                <Elapsed from={step.startedAt} to={step.finishedAt} />
              )}
            </span>
            <span className="step-detail">{step.detail}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
