import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { loadConfig } from "./config.ts";
import { Desk } from "./desk.tsx";
import { ErrorNote } from "./parts.tsx";
import "./desk.css";

const element = document.getElementById("root");
if (element === null) throw new Error("index.html has no element #root");
const root = createRoot(element);

try {
  const config = await loadConfig(import.meta.env.VITE_DESK_VERSION);
  document.title = `Strategy desk (${config.environment})`;
  root.render(
    <StrictMode>
      <Desk config={config} />
    </StrictMode>,
  );
} catch (error) {
  root.render(
    <main>
      <ErrorNote
        error={new Error("The configuration of this deployment cannot be read.", { cause: error })}
      />
    </main>,
  );
}
