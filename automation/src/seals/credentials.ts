/*
 * Which properties of a provider are credentials: they say who acts, not where or on what.
 */

const PROVIDER_TYPE = "pulumi:providers:";

/** Whole names, without case and separators. */
const CREDENTIALS: ReadonlySet<string> = new Set([
  "accesskey",
  "accesstoken",
  "apikey",
  "apitoken",
  "authtoken",
  "bearertoken",
  "clientassertion",
  "clientcertificatepassword",
  "clientsecret",
  "idtoken",
  "jwt",
  "oidctoken",
  "password",
  "privatekey",
  "refreshtoken",
  "secretid",
  "secretkey",
  "sessiontoken",
  "token",
  "webidentitytoken",
]);

/** Such a property may be secret and still says where the provider acts: nothing of the kind may move. */
const PLACES =
  /kubeconfig|host|url|uri|endpoint|server|address|region|zone|project|account|subscription|tenant|organi[sz]ation|namespace|database|connection|cluster|profile|role|arn|path/iu;

/** Whether a resource is a provider of its own. */
export function isProviderType(type: string): boolean {
  return type.startsWith(PROVIDER_TYPE);
}

/** The type that a URN names; empty when it is no URN. */
export function typeOfUrn(urn: string): string {
  const types = urn.split("::")[2] ?? "";
  // A child's URN names the types of its parents too.
  return types.split("$").at(-1) ?? "";
}

/** Whether a provider's property is a credential: a known one by its name, or a secret that does not say where the provider acts. */
export function isCredential(property: string, isSecret: boolean): boolean {
  if (CREDENTIALS.has(property.replace(/[^a-z0-9]/giu, "").toLowerCase())) return true;
  return isSecret && !PLACES.test(property);
}
