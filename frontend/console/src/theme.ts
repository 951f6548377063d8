import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from "@mantine/core";

const harbour: MantineColorsTuple = [
  "#eef4ff",
  "#dbe6fb",
  "#b3caf4",
  "#89adee",
  "#6692e8",
  "#4c80e4",
  "#2f68cf",
  "#1f4fa3",
  "#19448f",
  "#12356f",
];

/** The system's fonts: the console asks no other server for anything. */
export const theme = createTheme({
  colors: { harbour },
  primaryColor: "harbour",
  primaryShade: { light: 7, dark: 6 },
  autoContrast: true,
  luminanceThreshold: 0.2,
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
});

/** Mantine's own shades of these are too pale for text (WCAG 2.2 AA asks for 4.5 to 1). */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-dimmed": "#565d64",
    "--mantine-color-placeholder": "#6a7178",
    "--mantine-color-error": "#b3181d",
    "--mantine-color-anchor": "#19448f",
  },
  dark: {
    "--mantine-color-dimmed": "#aab0b6",
    "--mantine-color-placeholder": "#9aa0a6",
    "--mantine-color-error": "#ff9c9c",
    "--mantine-color-anchor": "#8fb8ff",
  },
});
