import { Alert, List } from "@mantine/core";
import { explain } from "../problems.ts";
import { Remedy } from "./Remedy.tsx";

/** What went wrong and what to do about it. */
export function ProblemAlert({ error }: { error: unknown }) {
  const { title, remedy, issues } = explain(error);
  return (
    <Alert role="alert" color="red" variant="default" className="alert-red" title={title}>
      {issues.length > 0 && (
        <List size="sm">
          {issues.map((issue) => (
            <List.Item key={`${issue.path} ${issue.message}`}>
              {issue.path === "" ? issue.message : `${issue.path}: ${issue.message}`}
            </List.Item>
          ))}
        </List>
      )}
      {remedy !== null && <Remedy text={remedy} />}
    </Alert>
  );
}
