import { Stack as Column, Tabs } from "@mantine/core";
import type { StackPath } from "@slipway/automation/contract";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useClient } from "../api.ts";
import { RulesPanel } from "../approvals/RulesPanel.tsx";
import { AuditTable } from "../audit/AuditTable.tsx";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { usePageTitle } from "../components/page-title.ts";
import { DriftPanel } from "../drift/DriftPanel.tsx";
import { FreezeAlert } from "../policies/FreezeAlert.tsx";
import { StackPolicies } from "../policies/StackPolicies.tsx";
import { queries } from "../queries.ts";
import { ReadinessPanel } from "../readiness/ReadinessPanel.tsx";
import { SchedulesPanel } from "../schedules/SchedulesPanel.tsx";
import { ConfigPanel } from "./ConfigPanel.tsx";
import { HistoryTable } from "./HistoryTable.tsx";
import { OutputsPanel } from "./OutputsPanel.tsx";
import { ReleasesTable } from "./ReleasesTable.tsx";
import { ResourcesPanel } from "./ResourcesPanel.tsx";
import { RolledBackAlert } from "./RolledBackAlert.tsx";
import { StackHead } from "./StackHead.tsx";
import { StatesTable } from "./StatesTable.tsx";
import { UnreconciledAlert } from "./UnreconciledAlert.tsx";

const TABS = {
  history: "History",
  releases: "Releases",
  resources: "Resources",
  outputs: "Outputs",
  states: "States",
  drift: "Drift",
  rules: "Rules",
  readiness: "Readiness",
  schedules: "Schedules",
  config: "Config",
  audit: "Audit",
};
export type StackTab = keyof typeof TABS;

/** The tab that an address asks for; anything unknown is the history. */
export function tabOf(given: unknown): StackTab {
  return typeof given === "string" && Object.hasOwn(TABS, given) ? (given as StackTab) : "history";
}

/** One stack: what runs, since when and why, what can be done, and what was done. */
export function StackPage({ stack, tab }: { stack: StackPath; tab: StackTab }) {
  usePageTitle(`${stack.project}/${stack.stack}`);
  const read = useQuery(queries.stack(useClient(), stack));
  const navigate = useNavigate();
  if (read.data === undefined)
    return read.error === null ? <Loading what="the stack" /> : <ProblemAlert error={read.error} />;
  return (
    <Column gap="lg">
      {read.error !== null && <ProblemAlert error={read.error} />}
      <UnreconciledAlert stack={stack} />
      <FreezeAlert stack={stack} />
      <RolledBackAlert stack={read.data} />
      <StackHead path={stack} stack={read.data} />
      <Tabs
        value={tab}
        keepMounted={false}
        onChange={(value) => {
          void navigate({
            to: "/stacks/$organisation/$project/$stack",
            params: stack,
            search: { tab: tabOf(value) },
            replace: true,
            resetScroll: false,
          });
        }}
      >
        <Tabs.List mb="md">
          {Object.entries(TABS).map(([value, label]) => (
            <Tabs.Tab key={value} value={value}>
              {label}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="history">
          <HistoryTable stack={stack} />
        </Tabs.Panel>
        <Tabs.Panel value="releases">
          <ReleasesTable stack={stack} currentRelease={read.data.currentRelease} />
        </Tabs.Panel>
        <Tabs.Panel value="resources">
          <ResourcesPanel stack={stack} />
        </Tabs.Panel>
        <Tabs.Panel value="states">
          <StatesTable stack={stack} />
        </Tabs.Panel>
        <Tabs.Panel value="drift">
          <DriftPanel stack={stack} />
        </Tabs.Panel>
        <Tabs.Panel value="rules">
          <RulesPanel stack={stack} />
          <StackPolicies stack={stack} />
        </Tabs.Panel>
        <Tabs.Panel value="readiness">
          <ReadinessPanel stack={stack} />
        </Tabs.Panel>
        <Tabs.Panel value="schedules">
          <SchedulesPanel stack={stack} />
        </Tabs.Panel>
        <Tabs.Panel value="config">
          <ConfigPanel stack={stack} />
        </Tabs.Panel>
        <Tabs.Panel value="outputs">
          <OutputsPanel stack={stack} />
        </Tabs.Panel>
        <Tabs.Panel value="audit">
          <AuditTable filter={stack} />
        </Tabs.Panel>
      </Tabs>
    </Column>
  );
}
