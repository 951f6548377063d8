import { useState } from "react";
import type { Api, Instrument, Strategy, Template } from "./api.ts";
import { ActionForm, ErrorNote, Field, fieldNumber, fieldText, NumberField, Section } from "./parts.tsx";
import type { Loaded } from "./use-loaded.ts";

/** Templates, the form that makes a strategy of one, and the strategies there are. */
export function Strategies(props: {
  readonly api: Api;
  readonly templates: Loaded<{ items: Template[] }>;
  readonly instruments: Loaded<{ items: Instrument[] }>;
  readonly strategies: Loaded<{ items: Strategy[] }>;
  readonly onChange: () => void;
}) {
  const { api, strategies } = props;
  const templates = props.templates.value?.items ?? [];
  const instruments = props.instruments.value?.items ?? [];
  const [chosen, setChosen] = useState<string | undefined>(undefined);
  const template = templates.find((one) => one.id === chosen) ?? templates[0];

  const create = async (form: FormData) => {
    if (template === undefined) return;
    const parameters = template.parameters.map((one) => [
      one.name,
      fieldNumber(form, one.name) ?? one.default,
    ]);
    await api.createStrategy({
      name: fieldText(form, "name"),
      templateId: template.id,
      symbol: fieldText(form, "symbol"),
      parameters: Object.fromEntries(parameters),
    });
    props.onChange();
  };

  return (
    <Section title="Strategies" id="strategies">
      <ErrorNote error={props.templates.error ?? props.instruments.error ?? strategies.error} />
      <ActionForm action="Create strategy" onSend={create}>
        <Field label="Template">
          {(id) => (
            <select id={id} value={template?.id} onChange={(event) => setChosen(event.target.value)}>
              {templates.map((one) => (
                <option key={one.id} value={one.id}>
                  {one.name}
                </option>
              ))}
            </select>
          )}
        </Field>
        <p className="hint">{template?.description}</p>
        <div className="fields" key={template?.id}>
          <Field label="Strategy name">
            {(id) => <input id={id} name="name" required maxLength={80} autoComplete="off" />}
          </Field>
          <Field label="Instrument">
            {(id) => (
              <select id={id} name="symbol">
                {instruments.map((one) => (
                  <option key={one.symbol} value={one.symbol}>
                    {one.symbol} – {one.name}
                  </option>
                ))}
              </select>
            )}
          </Field>
          {template?.parameters.map((one) => (
            <NumberField
              key={one.name}
              label={one.label}
              name={one.name}
              initial={one.default}
              min={one.min}
              max={one.max}
            />
          ))}
        </div>
      </ActionForm>
      <ul className="rows" aria-label="Your strategies">
        {strategies.value?.items.map((strategy) => (
          <li key={strategy.id}>
            <strong>{strategy.name}</strong>
            <span>
              {strategy.templateId} on {strategy.symbol}
            </span>
          </li>
        ))}
      </ul>
    </Section>
  );
}
