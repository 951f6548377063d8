import { Button, Group, Textarea } from "@mantine/core";
import type { ReactNode } from "react";
import { ProblemAlert } from "./ProblemAlert.tsx";

interface Props {
  /** Why it is done, and how it is changed. */
  readonly why: string;
  readonly onWhy: (why: string) => void;
  /** Nothing can be sent without a reason. */
  readonly needsWhy?: boolean;
  readonly error: Error | null;
  readonly isPending: boolean;
  /** Something else is missing. */
  readonly disabled?: boolean;
  readonly onClose: () => void;
  /** What the button says that sends the form. */
  readonly children: ReactNode;
}

/** The end of a dialog's form: the reason, what the server refused, and the two ways out. */
export function DialogFoot(props: Props) {
  const { why, onWhy, needsWhy = false, error, isPending, disabled = false, onClose, children } = props;
  return (
    <>
      <Textarea
        label="Why"
        required={needsWhy}
        autosize
        minRows={2}
        maxLength={1000}
        value={why}
        onChange={(event) => onWhy(event.currentTarget.value)}
      />
      {error !== null && <ProblemAlert error={error} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          Close
        </Button>
        <Button type="submit" loading={isPending} disabled={disabled || (needsWhy && why.trim() === "")}>
          {children}
        </Button>
      </Group>
    </>
  );
}
