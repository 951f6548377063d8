import { z } from "zod";
import type { Endpoint } from "./endpoint.ts";
import { Budget, FiguresQuery, ProjectFigures, SetBudgets } from "./figures.ts";
import { Id, OrganisationName, PageQuery, ProjectName, pageOf, StackName, StackPath } from "./identifiers.ts";
import { ProjectPath } from "./projects.ts";
import { Environments, PromotionPreview, SetEnvironments } from "./promotions.ts";
import { CreateStackDelivery, StackDelivery } from "./stack-deliveries.ts";

const PROJECT = "/v1/projects/:organisation/:project";
const byId = z.strictObject({ id: Id });

/** What brings a release from one stack to the next, and how the steps on the way went. */
export const promotionEndpoints = {
  getEnvironments: {
    method: "GET",
    path: `${PROJECT}/environments`,
    summary: "The order of a project's stacks, with what each runs",
    permission: "stack.read",
    params: ProjectPath,
    success: { status: 200, body: Environments },
  },
  setEnvironments: {
    method: "PUT",
    path: `${PROJECT}/environments`,
    summary: "Set the order of a project's stacks and which of them only take what was promoted",
    permission: "project.configure",
    params: ProjectPath,
    body: SetEnvironments,
    success: { status: 200, body: Environments },
  },
  previewPromotion: {
    method: "GET",
    path: "/v1/stacks/:organisation/:project/:stack/promotion",
    summary: "What a promotion from another stack would bring, and whether it may be asked for",
    permission: "stack.read",
    params: StackPath,
    query: z.strictObject({
      /** Left out: the stack before it in the project's order. */
      from: StackName.optional(),
      release: z.coerce.number().int().min(1).optional(),
    }),
    success: { status: 200, body: PromotionPreview },
  },
  createStackDelivery: {
    method: "POST",
    path: "/v1/deliveries",
    summary: "Bring one release to several stacks, wave by wave",
    permission: "stack.deploy",
    body: CreateStackDelivery,
    success: { status: 201, body: StackDelivery },
    idempotent: true,
  },
  listStackDeliveries: {
    method: "GET",
    path: "/v1/deliveries",
    summary: "Deliveries of several stacks, newest first",
    permission: "any",
    query: PageQuery.extend({
      organisation: OrganisationName.optional(),
      project: ProjectName.optional(),
    }),
    success: { status: 200, body: pageOf(StackDelivery) },
  },
  getStackDelivery: {
    method: "GET",
    path: "/v1/deliveries/:id",
    summary: "One delivery with the state of each of its stacks",
    permission: "stack.read",
    about: "delivery",
    params: byId,
    success: { status: 200, body: StackDelivery },
  },
  pauseStackDelivery: {
    method: "POST",
    path: "/v1/deliveries/:id/pause",
    summary: "Begin no further stack of a delivery; what was begun goes on",
    permission: "stack.deploy",
    about: "delivery",
    params: byId,
    success: { status: 200, body: StackDelivery },
  },
  resumeStackDelivery: {
    method: "POST",
    path: "/v1/deliveries/:id/resume",
    summary: "Go on with a delivery that was paused",
    permission: "stack.deploy",
    about: "delivery",
    params: byId,
    success: { status: 200, body: StackDelivery },
  },
  cancelStackDelivery: {
    method: "POST",
    path: "/v1/deliveries/:id/cancel",
    summary: "End a delivery: what waits is cancelled, what runs is asked to stop",
    permission: "stack.cancel",
    about: "delivery",
    params: byId,
    success: { status: 200, body: StackDelivery },
  },
  getFigures: {
    method: "GET",
    path: `${PROJECT}/figures`,
    summary: "Success rate and durations of a project's builds, tests, gates and updates",
    permission: "stack.read",
    params: ProjectPath,
    query: FiguresQuery,
    success: { status: 200, body: ProjectFigures },
  },
  listBudgets: {
    method: "GET",
    path: `${PROJECT}/budgets`,
    summary: "How long the steps of a project may take",
    permission: "stack.read",
    params: ProjectPath,
    success: { status: 200, body: z.object({ budgets: z.array(Budget) }) },
  },
  setBudgets: {
    method: "PUT",
    path: `${PROJECT}/budgets`,
    summary: "Set how long the steps of a project may take, in place of the budgets before",
    permission: "project.configure",
    params: ProjectPath,
    body: SetBudgets,
    success: { status: 200, body: z.object({ budgets: z.array(Budget) }) },
  },
} as const satisfies Record<string, Endpoint>;
