import { useEffect, useState } from "react";
import { type Api, Tick } from "./api.ts";
import { type Feed, pause, pollTicks } from "./feed.ts";
import { formatInstant } from "./format.ts";
import { Section } from "./parts.tsx";

/** Live quotes, as the API offers them: as a stream, which the browser resumes by itself, or for the asking. */
export function MarketData(props: { readonly api: Api; readonly isPolled: boolean }) {
  const { tick, state } = useFeed(props.api, props.isPolled);
  return (
    <Section title="Market data" id="market-data">
      <p className="hint">
        <span className={`state ${state}`} role="status">
          {state}
        </span>{" "}
        {tick !== undefined && formatInstant(tick.at)}
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">Instrument</th>
            <th scope="col" className="figure">
              Price
            </th>
            <th scope="col" className="figure">
              Change
            </th>
          </tr>
        </thead>
        <tbody>
          {tick?.quotes.map((quote) => (
            <tr key={quote.symbol}>
              <th scope="row">{quote.symbol}</th>
              <td className="figure">{quote.price.toFixed(2)}</td>
              <td className={`figure ${quote.change < 0 ? "down" : "up"}`}>
                {quote.change < 0 ? "▼ " : "▲ "}
                {Math.abs(quote.change).toFixed(3)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}

function useFeed(api: Api, isPolled: boolean): Feed {
  const [feed, setFeed] = useState<Feed>({ tick: undefined, state: "connecting" });
  useEffect(() => {
    if (isPolled) {
      const stop = new AbortController();
      // It shows its failures itself and never rejects.
      void pollTicks({ ask: api.ticks, show: setFeed, signal: stop.signal, pause });
      return () => stop.abort();
    }
    const source = new EventSource(api.marketDataUrl());
    source.addEventListener("tick", (event) => {
      const tick = Tick(JSON.parse(String(event.data)), "tick");
      setFeed({ tick, state: "live" });
    });
    source.addEventListener("error", () =>
      setFeed((before) => ({ tick: before.tick, state: "interrupted" })),
    );
    return () => source.close();
  }, [api, isPolled]);
  return feed;
}
