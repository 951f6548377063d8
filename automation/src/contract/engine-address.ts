/**
 * Header in which the relay of a worker names the address that its engines have logged in to, so that the state which a server sends says the same: the CLI asks for the
 * token of the address that it reads there.
 */
export const ENGINE_ADDRESS_HEADER = "x-slipway-engine-address";

const LOOPBACK_ADDRESS = /^http:\/\/127\.0\.0\.1:\d{1,5}$/;

/** The address in the header of a relay; undefined for every other value. */
export function engineAddress(header: string | string[] | undefined): string | undefined {
  return typeof header === "string" && LOOPBACK_ADDRESS.test(header) ? header : undefined;
}
