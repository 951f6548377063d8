import { z } from "zod";
import { Instant } from "./identifiers.ts";

/** Steps that have figures and budgets. */
export const MeasuredStep = z.enum(["build", "test", "gates-before", "update", "gates-after"]);
export type MeasuredStep = z.infer<typeof MeasuredStep>;

/** How long a step may take: of the step as a whole, or of one service of slipway.yaml. */
export const Budget = z
  .strictObject({
    step: MeasuredStep,
    /** build and test only. */
    service: z.string().min(1).max(100).nullable().default(null),
    mostSeconds: z.number().positive().max(86_400),
    /** The step fails when it took longer; only of steps before anything is changed. Otherwise it is shown and told. */
    fails: z.boolean().default(false),
  })
  .meta({ id: "Budget" });
export type Budget = z.infer<typeof Budget>;
export const SetBudgets = z.strictObject({ budgets: z.array(Budget).max(200) });
export type SetBudgets = z.infer<typeof SetBudgets>;

export const FiguresQuery = z.strictObject({
  /** Runs that ended within so many days. */
  days: z.coerce.number().int().min(1).max(366).default(30),
});

/** Of the runs of one step within the window. */
export const StepFigure = z.object({
  step: MeasuredStep,
  /** Null: the step as a whole. */
  service: z.string().nullable(),
  runs: z.int(),
  succeeded: z.int(),
  /** Succeeded by all that ended by themselves, 0 to 1; null: none has. */
  successRate: z.number().nullable(),
  /** Nearest rank over the runs that succeeded; null: none has. */
  p50Ms: z.int().nullable(),
  p95Ms: z.int().nullable(),
  lastMs: z.int().nullable(),
  budget: z
    .object({
      mostSeconds: z.number(),
      fails: z.boolean(),
      /** Runs that took longer. */
      exceeded: z.int(),
    })
    .nullable(),
});
export type StepFigure = z.infer<typeof StepFigure>;

/** How builds, tests, gates and updates of a project went. */
export const ProjectFigures = z
  .object({ since: Instant, days: z.int(), steps: z.array(StepFigure) })
  .meta({ id: "ProjectFigures" });
export type ProjectFigures = z.infer<typeof ProjectFigures>;
