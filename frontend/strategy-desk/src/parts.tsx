import { type FormEvent, type ReactNode, useId, useState } from "react";
import { ApiProblem } from "./api.ts";

/** A labelled part of the desk. `id`: where links to it lead. */
export function Section(props: {
  readonly title: string;
  readonly id: string;
  readonly children: ReactNode;
}) {
  const heading = useId();
  return (
    <section className="card" id={props.id} aria-labelledby={heading}>
      <h2 id={heading}>{props.title}</h2>
      {props.children}
    </section>
  );
}

/** What went wrong, with the correlation id to report it by; nothing when `error` is undefined. */
export function ErrorNote(props: { readonly error: unknown }) {
  const { error } = props;
  if (error === undefined) return null;
  const message = error instanceof Error ? error.message : String(error);
  return (
    <p role="alert" className="error">
      {message}
      {error instanceof ApiProblem && error.correlationId !== "" && (
        <small> Correlation id {error.correlationId}</small>
      )}
    </p>
  );
}

export function Field(props: { readonly label: string; readonly children: (id: string) => ReactNode }) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{props.label}</label>
      {props.children(id)}
    </div>
  );
}

export function NumberField(props: {
  readonly label: string;
  readonly name: string;
  readonly initial?: number;
  readonly min: number;
  readonly max: number;
  readonly isOptional?: boolean;
}) {
  return (
    <Field label={props.label}>
      {(id) => (
        <input
          id={id}
          name={props.name}
          type="number"
          step="any"
          min={props.min}
          max={props.max}
          defaultValue={props.initial}
          required={props.isOptional !== true}
        />
      )}
    </Field>
  );
}

/** A form that sends once at a time, shows a refusal, and clears it with the next success. */
export function ActionForm(props: {
  readonly action: string;
  readonly onSend: (form: FormData) => Promise<void>;
  readonly children: ReactNode;
}) {
  const [error, setError] = useState<unknown>(undefined);
  const [isSending, setSending] = useState(false);
  const send = async (form: FormData) => {
    setSending(true);
    try {
      await props.onSend(form);
      setError(undefined);
    } catch (problem) {
      setError(problem);
    } finally {
      setSending(false);
    }
  };
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    // `send` reports every failure on the page and never rejects.
    void send(new FormData(event.currentTarget));
  };
  return (
    <form onSubmit={submit}>
      {props.children}
      <button type="submit" disabled={isSending}>
        {props.action}
      </button>
      <ErrorNote error={error} />
    </form>
  );
}

/** The text of a form's field. */
export function fieldText(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value : "";
}

/** The number of a form's field, or null when it was left empty. */
export function fieldNumber(form: FormData, name: string): number | null {
  const value = fieldText(form, name).trim();
  return value === "" ? null : Number(value);
}
