import { useEffect, useState } from "react";
import { Tick } from "./api.ts";
import { formatInstant } from "./format.ts";
import { Section } from "./parts.tsx";

type Feed = { readonly tick: Tick | undefined; readonly state: "connecting" | "live" | "interrupted" };

/** Live quotes. The browser reconnects by itself and resumes after the last event that it saw. */
export function MarketData(props: { readonly url: string }) {
  const { tick, state } = useFeed(props.url);
  return (
    <Section title="Market data">
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

function useFeed(url: string): Feed {
  const [feed, setFeed] = useState<Feed>({ tick: undefined, state: "connecting" });
  useEffect(() => {
    const source = new EventSource(url);
    source.addEventListener("tick", (event) => {
      const tick = Tick(JSON.parse(String(event.data)), "tick");
      setFeed({ tick, state: "live" });
    });
    source.addEventListener("error", () =>
      setFeed((before) => ({ tick: before.tick, state: "interrupted" })),
    );
    return () => source.close();
  }, [url]);
  return feed;
}
