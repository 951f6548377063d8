import type { Database } from "../database.ts";
import type { Keyring } from "../secrets/keyring.ts";
import type { AllowedNetworks } from "./addresses.ts";

/** What of the installation's settings decides which destinations make sense. */
export interface NotificationSettings {
  allowed: AllowedNetworks;
  /** False: there is no mail server. */
  sendsEmail: boolean;
}

export interface NotificationRoutesOptions {
  db: Database;
  keyring: Keyring;
  notificationSettings: NotificationSettings;
}
