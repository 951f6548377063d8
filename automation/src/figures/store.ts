import { sql } from "kysely";
import type { Budget, MeasuredStep, ProjectFigures, StepFigure } from "../contract/figures.ts";
import { MeasuredStep as Steps } from "../contract/figures.ts";
import type { Database, Transaction } from "../database.ts";
import type { MeasuredRun } from "./rules.ts";

/** Records how long a step of an attempt took. Doing it again changes nothing; answers how many of the runs are new. */
export async function recordRuns(
  trx: Transaction,
  { deploymentId, attempt }: { deploymentId: string; attempt: number },
  runs: readonly MeasuredRun[],
): Promise<number> {
  const inserted = await trx
    .insertInto("step_runs")
    .values(
      runs.map(({ step, service, succeeded, durationMs }) => ({
        deployment_id: deploymentId,
        attempt,
        step,
        service: service ?? "",
        succeeded,
        duration_ms: Math.round(durationMs),
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .returning("step")
    .execute();
  return inserted.length;
}

/** Budgets of a project, by step and service; of one step when it is named. */
export async function readBudgets(db: Database, projectId: string, step?: MeasuredStep): Promise<Budget[]> {
  const rows = await db
    .selectFrom("budgets")
    .select(["step", "service", "most_seconds", "fails"])
    .where("project_id", "=", projectId)
    .$if(step !== undefined, (query) => query.where("step", "=", step ?? ""))
    .orderBy("step")
    .orderBy("service")
    .execute();
  return rows.map((row) => ({
    step: Steps.parse(row.step),
    service: row.service === "" ? null : row.service,
    mostSeconds: row.most_seconds,
    fails: row.fails,
  }));
}

/** Budgets of a step in the project of a stack. */
export async function budgetsOfStep(db: Database, stackId: string, step: MeasuredStep): Promise<Budget[]> {
  const stack = await db
    .selectFrom("stacks")
    .select("project_id")
    .where("id", "=", stackId)
    .executeTakeFirst();
  return stack === undefined ? [] : readBudgets(db, stack.project_id, step);
}

/** Sets the budgets of a project, in place of those before. */
export async function replaceBudgets(
  trx: Transaction,
  projectId: string,
  budgets: readonly Budget[],
  by: string,
): Promise<void> {
  await trx.deleteFrom("budgets").where("project_id", "=", projectId).execute();
  if (budgets.length === 0) return;
  await trx
    .insertInto("budgets")
    .values(
      budgets.map(({ step, service, mostSeconds, fails }) => ({
        project_id: projectId,
        step,
        service: service ?? "",
        most_seconds: mostSeconds,
        fails,
        updated_by: by,
      })),
    )
    .execute();
}

type FigureRow = Omit<StepFigure, "service" | "budget" | "step"> & {
  step: string;
  service: string;
  mostSeconds: number | null;
  fails: boolean | null;
  exceeded: number;
};

/** Figures of a project's steps over the last days, by the database's clock. Steps that did not run and have no budget are left out. */
export async function readFigures(db: Database, projectId: string, days: number): Promise<ProjectFigures> {
  const { rows } = await sql<FigureRow>`
    with runs as (
      select r.* from step_runs r
      join deployments d on d.id = r.deployment_id join stacks s on s.id = d.stack_id
      where s.project_id = ${projectId} and r.finished_at > now() - ${days} * interval '1 day'
    ), figures as (
      select step, service, count(*)::integer as runs, count(*) filter (where succeeded)::integer as succeeded,
        percentile_disc(0.5) within group (order by duration_ms) filter (where succeeded) as p50,
        percentile_disc(0.95) within group (order by duration_ms) filter (where succeeded) as p95,
        (array_agg(duration_ms order by finished_at desc))[1] as last
      from runs group by step, service
    ), limits as (select * from budgets where project_id = ${projectId})
    select step, service, coalesce(f.runs, 0) as runs, coalesce(f.succeeded, 0) as succeeded,
      f.succeeded::double precision / f.runs as "successRate", f.p50 as "p50Ms", f.p95 as "p95Ms", f.last as "lastMs",
      l.most_seconds as "mostSeconds", l.fails,
      (select count(*)::integer from runs r
       where r.step = l.step and r.service = l.service and r.duration_ms > l.most_seconds * 1000) as exceeded
    from figures f full join limits l using (step, service)
    order by array_position(${[...Steps.options]}::text[], step), service
  `.execute(db);
  const { rows: clock } = await sql<{
    since: Date;
  }>`select now() - ${days} * interval '1 day' as since`.execute(db);
  return {
    since: (clock[0]?.since ?? new Date(Number.NaN)).toISOString(),
    days,
    steps: rows.map(({ mostSeconds, fails, exceeded, step, service, ...figure }) => ({
      ...figure,
      step: Steps.parse(step),
      service: service === "" ? null : service,
      budget: mostSeconds === null || fails === null ? null : { mostSeconds, fails, exceeded },
    })),
  };
}
