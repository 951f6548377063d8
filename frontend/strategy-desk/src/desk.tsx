import { useCallback, useMemo, useState } from "react";
import { createApi } from "./api.ts";
import { Audit } from "./audit.tsx";
import { Backtests } from "./backtests.tsx";
import { type Config, isEnabled } from "./config.ts";
import { MarketData } from "./market-data.tsx";
import { ErrorNote } from "./parts.tsx";
import { RiskProfiles } from "./risk-profiles.tsx";
import { Strategies } from "./strategies.tsx";
import { useLoaded } from "./use-loaded.ts";

/** Where the links above the desk lead, in the order of its parts. */
const PARTS = [
  ["strategies", "Strategies"],
  ["risk-profiles", "Risk profiles"],
  ["backtests", "Backtests"],
  ["market-data", "Market data"],
  ["audit", "Audit log"],
] as const;

/** The whole page of one deployment. */
export function Desk(props: { readonly config: Config }) {
  const { config } = props;
  const api = useMemo(() => createApi(config.apiUrl), [config.apiUrl]);
  const about = useLoaded(api.about);
  const templates = useLoaded(api.templates);
  const instruments = useLoaded(api.instruments);
  const strategies = useLoaded(api.strategies);
  const profiles = useLoaded(api.riskProfiles);
  const backtests = useLoaded(api.backtests);
  const [changes, setChanges] = useState(0);
  const hasMarketData = isEnabled(config, "marketData");
  const hasAudit = isEnabled(config, "audit");
  const changed = useCallback((reload: () => void) => {
    reload();
    setChanges((before) => before + 1);
  }, []);

  return (
    <>
      <header>
        <h1>Strategy desk</h1>
        <p>
          <span className="badge">{config.environment}</span>
          <span>desk {config.version}</span>
          {about.value !== undefined && (
            <span>
              API {about.value.version}, {about.value.executionMode} mode
            </span>
          )}
        </p>
        <nav aria-label="Parts of the desk">
          {PARTS.filter(
            ([id]) => (id !== "market-data" || hasMarketData) && (id !== "audit" || hasAudit),
          ).map(([id, title]) => (
            <a key={id} href={`#${id}`}>
              {title}
            </a>
          ))}
        </nav>
      </header>
      <main>
        <ErrorNote error={about.error} />
        <Strategies
          api={api}
          templates={templates}
          instruments={instruments}
          strategies={strategies}
          onChange={() => changed(strategies.reload)}
        />
        <RiskProfiles api={api} profiles={profiles} onChange={() => changed(profiles.reload)} />
        <Backtests
          api={api}
          strategies={strategies.value?.items ?? []}
          profiles={profiles.value?.items ?? []}
          earlier={backtests}
          onChange={() => changed(backtests.reload)}
        />
        {hasMarketData && about.value !== undefined && (
          <MarketData api={api} isPolled={about.value.marketData === "poll"} />
        )}
        {hasAudit && <Audit api={api} changes={changes} />}
      </main>
    </>
  );
}
