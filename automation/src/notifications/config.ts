import { z } from "zod";
import { SlipwayError } from "../errors.ts";
import type { AllowedNetworks } from "./addresses.ts";
import { parseNetworks } from "./addresses.ts";
import type { SmtpSettings } from "./smtp-settings.ts";
import { parseSmtpUrl, SenderAddress } from "./smtp-settings.ts";

/** How notifications leave this installation. */
export interface NotificationConfig {
  /** Networks that webhooks may reach although they are not public, also without https. */
  allowed: AllowedNetworks;
  smtp: SmtpSettings | undefined;
}

/** The server's variables for notifications. */
export const notificationVariables = {
  SLIPWAY_WEBHOOK_ALLOW: z
    .string()
    .refine(
      (text) => parseNetworks(text) !== undefined,
      "SLIPWAY_WEBHOOK_ALLOW: networks such as 10.1.0.0/16,fd00:1::/64",
    )
    .transform((text) => parseNetworks(text) ?? [])
    .default([]),
  SLIPWAY_SMTP_URL: z
    .string()
    .refine(
      (text) => parseSmtpUrl(text, { from: "" }) !== undefined,
      "SLIPWAY_SMTP_URL: smtp://user:password@host:587 or smtps://user:password@host:465",
    )
    .optional(),
  SLIPWAY_SMTP_FROM: SenderAddress.optional(),
  SLIPWAY_SMTP_TLS: z.enum(["required", "none"], "SLIPWAY_SMTP_TLS: required or none").optional(),
};

/** Throws SlipwayError `configuration` when there is a mail server and nobody to send as. */
export function notificationConfigOf(
  parsed: z.infer<z.ZodObject<typeof notificationVariables>>,
): NotificationConfig {
  const { SLIPWAY_SMTP_URL: url, SLIPWAY_SMTP_FROM: from, SLIPWAY_SMTP_TLS: tls } = parsed;
  if (url !== undefined && from === undefined) {
    throw new SlipwayError(
      "configuration",
      "SLIPWAY_SMTP_URL needs SLIPWAY_SMTP_FROM, the sender's address.",
      {
        remedy: "Set it and start again.",
      },
    );
  }
  return {
    allowed: parsed.SLIPWAY_WEBHOOK_ALLOW,
    smtp: url === undefined || from === undefined ? undefined : parseSmtpUrl(url, { from, tls }),
  };
}
