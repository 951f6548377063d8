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
            <span className="inline">
              <Status value={step.state} />
              <strong>{step.name}</strong>
              {step.startedAt !== null && <Elapsed from={step.startedAt} to={step.finishedAt} />}
            </span>
            {step.detail !== null && step.detail !== "" && <div className="step-detail">{step.detail}</div>}
          </li>
        ))}
      </ol>
    </section>
  );
}
