/** What of the host's environment an installer needs: where it is, its registry settings and its way through a proxy. */
const TAKEN = [
  "PATH",
  "HOME",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
];
/** Settings that npm gives to its own children and that belong to another project. */
const NOT_TAKEN =
  /^npm_config_(prefix|local_prefix|global_prefix|user_agent|workspace|workspaces|include_workspace_root|omit|include|ignore_scripts)$/i;

/** The installer's environment, taken from the host's; nothing else of the host reaches it. */
export function installerEnvironment(
  host: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const taken: Record<string, string> = { LANG: "C.UTF-8", NO_COLOR: "1" };
  for (const [name, value] of Object.entries(host)) {
    if (value === undefined) continue;
    if (TAKEN.includes(name) || (/^npm_config_/i.test(name) && !NOT_TAKEN.test(name))) taken[name] = value;
  }
  return taken;
}
