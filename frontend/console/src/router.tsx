import { createRootRoute, createRoute, createRouter, Navigate } from "@tanstack/react-router";
import { ApprovalsPage } from "./approvals/ApprovalsPage.tsx";
import { GroupsPage } from "./approvals/GroupsPage.tsx";
import { AuditPage } from "./audit/AuditPage.tsx";
import { DeliveriesPage } from "./deliveries/DeliveriesPage.tsx";
import { DeliveryPage } from "./deliveries/DeliveryPage.tsx";
import { DeploymentPage } from "./deployments/DeploymentPage.tsx";
import { DeploymentsPage } from "./deployments/DeploymentsPage.tsx";
import { CliLoginPage } from "./login/CliLoginPage.tsx";
import { WelcomePage } from "./login/WelcomePage.tsx";
import { NotificationsPage } from "./notifications/NotificationsPage.tsx";
import { ProjectPage } from "./projects/ProjectPage.tsx";
import { QueuePage } from "./queue/QueuePage.tsx";
import { CrashPage } from "./shell/CrashPage.tsx";
import { NotFoundPage } from "./shell/NotFoundPage.tsx";
import { Root } from "./shell/Root.tsx";
import { StackPage, tabOf } from "./stacks/StackPage.tsx";
import { StacksPage } from "./stacks/StacksPage.tsx";
import { NumberedUpdatePage } from "./updates/NumberedUpdatePage.tsx";
import { UpdatePage } from "./updates/UpdatePage.tsx";

const root = createRootRoute({
  component: Root,
  notFoundComponent: NotFoundPage,
  errorComponent: CrashPage,
});
const stacks = createRoute({ getParentRoute: () => root, path: "/", component: StacksPage });
export const stackRoute = createRoute({
  getParentRoute: () => root,
  path: "/stacks/$organisation/$project/$stack",
  validateSearch: (search) => ({ tab: tabOf(search.tab) }),
  component: function Page() {
    const params = stackRoute.useParams();
    // Another stack is another page: nothing typed into a dialog may carry over.
    return <StackPage key={JSON.stringify(params)} stack={params} tab={stackRoute.useSearch().tab} />;
  },
});
const deployments = createRoute({
  getParentRoute: () => root,
  path: "/deployments",
  component: DeploymentsPage,
});
export const deploymentRoute = createRoute({
  getParentRoute: () => root,
  path: "/deployments/$id",
  component: function Page() {
    const { id } = deploymentRoute.useParams();
    return <DeploymentPage key={id} id={id} />;
  },
});
export const updateRoute = createRoute({
  getParentRoute: () => root,
  path: "/updates/$id",
  component: function Page() {
    const { id } = updateRoute.useParams();
    return <UpdatePage key={id} id={id} />;
  },
});

// The addresses that the Pulumi CLI prints, where PULUMI_CONSOLE_DOMAIN names this server.
export const numberedUpdateRoute = createRoute({
  getParentRoute: () => root,
  path: "/$organisation/$project/$stack/updates/$number",
  component: function Page() {
    const { number, ...stack } = numberedUpdateRoute.useParams();
    return <NumberedUpdatePage stack={stack} number={Number(number)} />;
  },
});
const printedPreviewRoute = createRoute({
  getParentRoute: () => root,
  path: "/$organisation/$project/$stack/previews/$id",
  component: function Page() {
    return <Navigate to="/updates/$id" params={{ id: printedPreviewRoute.useParams().id }} replace />;
  },
});
const printedStackRoute = createRoute({
  getParentRoute: () => root,
  path: "/$organisation/$project/$stack",
  component: function Page() {
    const params = printedStackRoute.useParams();
    return (
      <Navigate
        to="/stacks/$organisation/$project/$stack"
        params={params}
        search={{ tab: "history" }}
        replace
      />
    );
  },
});
const deliveries = createRoute({
  getParentRoute: () => root,
  path: "/deliveries",
  component: DeliveriesPage,
});
const deliveryRoute = createRoute({
  getParentRoute: () => root,
  path: "/deliveries/$id",
  component: function Page() {
    const { id } = deliveryRoute.useParams();
    return <DeliveryPage key={id} id={id} />;
  },
});
const projectRoute = createRoute({
  getParentRoute: () => root,
  path: "/projects/$organisation/$project",
  component: function Page() {
    const params = projectRoute.useParams();
    return <ProjectPage key={JSON.stringify(params)} project={params} />;
  },
});
const queue = createRoute({ getParentRoute: () => root, path: "/queue", component: QueuePage });
const approvals = createRoute({ getParentRoute: () => root, path: "/approvals", component: ApprovalsPage });
const groups = createRoute({ getParentRoute: () => root, path: "/groups", component: GroupsPage });
const audit = createRoute({ getParentRoute: () => root, path: "/audit", component: AuditPage });

export const notificationsRoute = createRoute({
  getParentRoute: () => root,
  path: "/notifications",
  validateSearch: (search): { organisation?: string } =>
    typeof search.organisation === "string" ? { organisation: search.organisation } : {},
  component: function Page() {
    return <NotificationsPage organisation={notificationsRoute.useSearch().organisation} />;
  },
});

const cliLogin = createRoute({ getParentRoute: () => root, path: "/cli-login", component: CliLoginPage });
const welcome = createRoute({ getParentRoute: () => root, path: "/welcome/cli", component: WelcomePage });

const routeTree = root.addChildren([
  cliLogin,
  welcome,
  stacks,
  stackRoute,
  deployments,
  deploymentRoute,
  updateRoute,
  approvals,
  groups,
  deliveries,
  deliveryRoute,
  projectRoute,
  queue,
  audit,
  notificationsRoute,
  numberedUpdateRoute,
  printedPreviewRoute,
  printedStackRoute,
]);

export function createConsoleRouter() {
  return createRouter({ routeTree, defaultPreload: false, scrollRestoration: true });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createConsoleRouter>;
  }
}
