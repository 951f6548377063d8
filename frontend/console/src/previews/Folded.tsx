import { UnstyledButton } from "@mantine/core";
import { useState } from "react";

const SHOWN_CHARACTERS = 240;
/** A text only a little longer is shown whole. */
const FOLDED_FROM_CHARACTERS = 320;

/** A text whose end is shown on request when it is long. */
export function FoldedText({ text }: { text: string }) {
  const [open, setOpen] = useState(false);
  if (open || text.length < FOLDED_FROM_CHARACTERS) return <>{text}</>;
  return (
    <>
      {text.slice(0, SHOWN_CHARACTERS)}…{" "}
      <ShowAll onClick={() => setOpen(true)}>show all {text.length} characters</ShowAll>
    </>
  );
}

/** A button within text. */
export function ShowAll({ onClick, children }: { onClick: () => void; children: React.ReactNode }) {
  return (
    <UnstyledButton className="show-all" onClick={onClick}>
      {children}
    </UnstyledButton>
  );
}
