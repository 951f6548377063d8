import type { Api, RiskProfile } from "./api.ts";
import { ActionForm, ErrorNote, Field, fieldNumber, fieldText, NumberField, Section } from "./parts.tsx";
import type { Loaded } from "./use-loaded.ts";

/** The form for a risk profile and the profiles there are. */
export function RiskProfiles(props: {
  readonly api: Api;
  readonly profiles: Loaded<{ items: RiskProfile[] }>;
  readonly onChange: () => void;
}) {
  const create = async (form: FormData) => {
    await props.api.createRiskProfile({
      name: fieldText(form, "name"),
      maxPositionPercent: fieldNumber(form, "maxPositionPercent") ?? 100,
      stopLossPercent: fieldNumber(form, "stopLossPercent"),
      maxDrawdownPercent: fieldNumber(form, "maxDrawdownPercent"),
    });
    props.onChange();
  };
  return (
    <Section title="Risk profiles" id="risk-profiles">
      <ErrorNote error={props.profiles.error} />
      <ActionForm action="Create risk profile" onSend={create}>
        <div className="fields">
          <Field label="Profile name">
            {(id) => <input id={id} name="name" required maxLength={80} autoComplete="off" />}
          </Field>
          <NumberField
            label="Largest position (%)"
            name="maxPositionPercent"
            initial={80}
            min={0.1}
            max={100}
          />
          <NumberField label="Stop loss (%), optional" name="stopLossPercent" min={0.1} max={99} isOptional />
          <NumberField
            label="Drawdown limit (%), optional"
            name="maxDrawdownPercent"
            min={0.1}
            max={99}
            isOptional
          />
        </div>
      </ActionForm>
      <ul className="rows" aria-label="Your risk profiles">
        {props.profiles.value?.items.map((profile) => (
          <li key={profile.id}>
            <strong>{profile.name}</strong>
            <span>{describeLimits(profile)}</span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function describeLimits(profile: RiskProfile): string {
  const limits = [`up to ${profile.maxPositionPercent}%`];
  if (profile.stopLossPercent !== null) limits.push(`stop at −${profile.stopLossPercent}%`);
  if (profile.maxDrawdownPercent !== null) limits.push(`halt at −${profile.maxDrawdownPercent}%`);
  return limits.join(", ");
}
