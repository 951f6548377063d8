/// <reference types="vite/client" />

interface ImportMetaEnv {
  /** The version in package.json when the page was built. */
  readonly VITE_DESK_VERSION: string;
}
