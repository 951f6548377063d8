import { getCallerIdentity } from "@pulumi/aws/getCallerIdentity.js";

/** Number of the account that the provider's credentials are of. Nothing but this function is loaded of the provider's package, and the provider is started by it. */
export async function callerAccount(): Promise<string> {
  const { accountId } = await getCallerIdentity();
  return accountId;
}
