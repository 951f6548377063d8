import {
  Alert,
  Button,
  Stack as Column,
  Group,
  MultiSelect,
  NumberInput,
  Paper,
  Select,
  Text,
  TextInput,
  Title,
} from "@mantine/core";
import { type ApprovalRule, GuardedOperation, RiskTier, type StackPath } from "@slipway/automation/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import { DataTable } from "../components/DataTable.tsx";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { queries } from "../queries.ts";
import { personOf } from "./people.ts";
import { draftOf, newRule, type RuleDraft, type RulesDraft, rulesOf } from "./rules-form.ts";

const TIERS = RiskTier.options.filter((tier) => tier !== "none");
const AUTOMATIC = [
  { value: "no", label: "Never" },
  { value: "adds-only", label: "When it only adds" },
  { value: "in-place-only", label: "When it only adds or changes in place" },
];

/** What a stack asks for before it is changed, and the form that replaces it. */
export function RulesPanel({ stack }: { stack: StackPath }) {
  const client = useClient();
  const read = useQuery(queries.stackRules(client, stack));
  const [draft, setDraft] = useState<RulesDraft | null>(null);
  if (read.data === undefined)
    return read.error === null ? <Loading what="the rules" /> : <ProblemAlert error={read.error} />;
  const { data } = read;
  if (draft !== null)
    return (
      <RulesForm
        stack={stack}
        version={data.version}
        draft={draft}
        onChange={setDraft}
        onEnd={() => setDraft(null)}
      />
    );
  return (
    <Column gap="md">
      <Group justify="space-between">
        <Title order={2} size="h4">
          What it asks for
        </Title>
        <Button variant="default" onClick={() => setDraft(draftOf(data))}>
          Change the rules
        </Button>
      </Group>
      <Text>
        {data.rules.length === 0
          ? data.production
            ? "No rule is set. The stack is production: every change needs one vote of somebody who has no part in it."
            : "No rule is set: nothing waits for votes."
          : "Every rule that matches a change must be met."}
        {data.cliUpdates === "preview-only" &&
          " The Pulumi CLI may preview it and change nothing: changes go through deployments."}
      </Text>
      <DataTable
        caption={`Rules, version ${data.version}`}
        rows={data.rules}
        keyOf={({ name }) => name}
        columns={[
          { label: "Rule", cell: ({ name }) => name },
          { label: "Votes", cell: ({ need }) => need },
          { label: "From", cell: ({ from }) => (from.length === 0 ? "whoever may deploy" : from.join(", ")) },
          { label: "Matches", wide: true, cell: matchOf },
          {
            label: "By itself",
            cell: ({ automatic }) => AUTOMATIC.find(({ value }) => value === automatic)?.label ?? "never",
          },
          { label: "Lapses after", cell: ({ expiresInHours }) => `${expiresInHours} h` },
        ]}
        empty=""
      />
      {data.statefulTypes.length > 0 && (
        <Text size="sm">Hold data, besides the known types: {data.statefulTypes.join(", ")}.</Text>
      )}
      <Text size="sm">
        In an emergency {data.emergency.length === 0 ? "nobody" : `people of ${data.emergency.join(", ")}`}{" "}
        may pass the votes by. Groups are <Link to="/groups">on a page of their own</Link>.
      </Text>
      {data.setAt !== null && (
        <Text size="sm" c="dimmed">
          Set by {personOf(data.setBy ?? "")}, <Age at={data.setAt} />
        </Text>
      )}
    </Column>
  );
}

function matchOf({ operations, minRisk, resourceTypes }: ApprovalRule): string {
  const what = operations === null ? "whatever changes it" : operations.join(", ");
  const risk = minRisk === "low" ? "" : `, of ${minRisk} risk${minRisk === "highest" ? "" : " or more"}`;
  return `${what}${risk}${resourceTypes === null ? "" : `, of ${resourceTypes.join(", ")}`}`;
}

function RulesForm({
  stack,
  version,
  draft,
  onChange,
  onEnd,
}: {
  stack: StackPath;
  version: number;
  draft: RulesDraft;
  onChange: (draft: RulesDraft) => void;
  onEnd: () => void;
}) {
  const client = useClient();
  const cache = useQueryClient();
  // Whoever saves in the meantime has the newer word: this one is then refused.
  const [basedOn] = useState(version);
  const groups = useQuery(queries.groups(client, stack.organisation));
  const names = groups.data?.items.map(({ name }) => name) ?? [];
  const save = useMutation({
    mutationFn: () => client.setStackRules({ params: stack, body: { ...rulesOf(draft), basedOn } }),
    onSuccess: (answer) => {
      cache.setQueryData(queries.stackRules(client, stack).queryKey, answer);
      onEnd();
    },
  });
  const set = (key: number, change: Partial<RuleDraft>) =>
    onChange({ ...draft, rules: draft.rules.map((one) => (one.key === key ? { ...one, ...change } : one)) });
  return (
    <Column gap="md">
      <Title order={2} size="h4">
        Change what it asks for
      </Title>
      {draft.rules.map((rule) => (
        <RuleFields
          key={rule.key}
          rule={rule}
          groups={names}
          onChange={(change) => set(rule.key, change)}
          onRemove={() => onChange({ ...draft, rules: draft.rules.filter(({ key }) => key !== rule.key) })}
        />
      ))}
      {draft.rules.length === 0 && (
        <Text c="dimmed">Without any rule nothing waits for votes, unless the stack is production.</Text>
      )}
      <Group>
        <Button
          variant="default"
          onClick={() => onChange({ ...draft, rules: [...draft.rules, newRule(draft)] })}
        >
          Add a rule
        </Button>
      </Group>
      <TextInput
        label="Types that hold data, besides the known ones"
        description="Globs with commas between them: replacing or deleting such a resource is of the highest risk."
        value={draft.statefulTypes}
        onChange={(event) => onChange({ ...draft, statefulTypes: event.currentTarget.value })}
      />
      <MultiSelect
        label="Groups that may pass the votes by in an emergency"
        data={names}
        value={[...draft.emergency]}
        onChange={(emergency) => onChange({ ...draft, emergency })}
      />
      {groups.error !== null && <ProblemAlert error={groups.error} />}
      {save.error !== null && <ProblemAlert error={save.error} />}
      <Alert variant="default">
        Stricter rules count at once, also for what already waits. Rules that nobody could ever meet are
        refused.
      </Alert>
      <Group>
        <Button loading={save.isPending} onClick={() => save.mutate()}>
          Save the rules
        </Button>
        <Button variant="default" onClick={onEnd}>
          Leave them as they are
        </Button>
      </Group>
    </Column>
  );
}

function RuleFields({
  rule,
  groups,
  onChange,
  onRemove,
}: {
  rule: RuleDraft;
  groups: readonly string[];
  onChange: (change: Partial<RuleDraft>) => void;
  onRemove: () => void;
}) {
  return (
    <Paper withBorder p="sm" component="fieldset" aria-label={`Rule ${rule.name}`} className="rule-fields">
      <TextInput
        label="Name"
        value={rule.name}
        onChange={(event) => onChange({ name: event.currentTarget.value })}
      />
      <NumberInput
        label="Votes"
        min={1}
        max={20}
        allowDecimal={false}
        value={rule.need}
        onChange={(need) => onChange({ need: Number(need) })}
      />
      <MultiSelect
        label="From groups"
        placeholder={rule.from.length === 0 ? "whoever may deploy" : ""}
        data={[...groups]}
        value={[...rule.from]}
        onChange={(from) => onChange({ from })}
      />
      <MultiSelect
        label="Operations"
        placeholder={rule.operations.length === 0 ? "all that change it" : ""}
        data={GuardedOperation.options}
        value={[...rule.operations]}
        onChange={(operations) => onChange({ operations })}
      />
      <Select
        label="From this risk on"
        data={TIERS}
        allowDeselect={false}
        value={rule.minRisk}
        onChange={(tier) => {
          const minRisk = TIERS.find((one) => one === tier);
          if (minRisk !== undefined) onChange({ minRisk });
        }}
      />
      <TextInput
        label="Only changes to types"
        placeholder="all"
        value={rule.resourceTypes}
        onChange={(event) => onChange({ resourceTypes: event.currentTarget.value })}
      />
      <Select
        label="Votes by itself"
        data={AUTOMATIC}
        allowDeselect={false}
        value={rule.automatic ?? "no"}
        onChange={(value) =>
          onChange({ automatic: value === "adds-only" || value === "in-place-only" ? value : null })
        }
      />
      <NumberInput
        label="Lapses after hours"
        min={1}
        max={168}
        allowDecimal={false}
        value={rule.expiresInHours}
        onChange={(hours) => onChange({ expiresInHours: Number(hours) })}
      />
      <Button variant="default" className="rule-remove" onClick={onRemove}>
        Remove this rule
      </Button>
    </Paper>
  );
}
