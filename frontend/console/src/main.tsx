import "@mantine/core/styles.css";
import "./console.css";
import "./approvals/approvals.css";
import "./previews/previews.css";
import { localStorageColorSchemeManager, MantineProvider } from "@mantine/core";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createConsoleRouter } from "./router.tsx";
import { openSession } from "./session.ts";
import { cssVariables, theme } from "./theme.ts";

// Before the router reads the address, which may hold the token.
openSession();
const router = createConsoleRouter();
const colorScheme = localStorageColorSchemeManager({ key: "slipway.color-scheme" });

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      defaultColorScheme="auto"
      colorSchemeManager={colorScheme}
    >
      <RouterProvider router={router} />
    </MantineProvider>
  </StrictMode>,
);
