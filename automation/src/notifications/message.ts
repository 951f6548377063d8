import type { NotificationBody, NotificationKind, Severity } from "../contract/notifications.ts";
import { NOTIFICATION_KINDS } from "../contract/notifications.ts";
import { severityOf } from "./rules.ts";

/** A message as it leaves, whatever carries it. */
export interface OutgoingMessage {
  /** The same in every try and to every destination. */
  id: string;
  organisation: string | null;
  kind: NotificationKind;
  subject: string;
  body: NotificationBody;
  createdAt: Date;
}

/** A message in the words of its reader. */
export interface MessageText {
  /** One line. */
  heading: string;
  severity: Severity;
  /** What is known, in the order of reading; what is not known is left out. */
  lines: readonly (readonly [label: string, text: string])[];
  /** Opens a page and does nothing else; null when the server does not know its public address. */
  link: string | null;
}

/** The body of a webhook: the same bytes in every try. */
export function webhookBody(message: OutgoingMessage, publicUrl: string | undefined): Buffer {
  const [, project = null, stack = null] = message.organisation === null ? [] : message.subject.split("/");
  return Buffer.from(
    JSON.stringify({
      type: message.kind,
      timestamp: message.createdAt.toISOString(),
      data: {
        severity: severityOf(message.kind),
        title: NOTIFICATION_KINDS[message.kind][1],
        organisation: message.organisation,
        project,
        stack,
        subject: message.subject,
        what: message.body.what,
        who: message.body.who,
        why: message.body.why,
        nextAction: message.body.nextAction,
        link: linkOf(message.body, publicUrl),
      },
    }),
  );
}

/** A message as text for people. */
export function messageText(message: OutgoingMessage, publicUrl: string | undefined): MessageText {
  const { what, who, why, nextAction } = message.body;
  const lines: (readonly [string, string | null])[] = [
    ["What", what],
    ["Where", message.subject],
    ["Who", who],
    ["Why", why],
    ["Next", nextAction],
  ];
  return {
    heading: oneLine(`${NOTIFICATION_KINDS[message.kind][1]}: ${message.subject}`),
    severity: severityOf(message.kind),
    lines: lines.flatMap(([label, text]) => (text === null || text === "" ? [] : [[label, text] as const])),
    link: linkOf(message.body, publicUrl),
  };
}

/** Only a path of our own console becomes a link. */
function linkOf({ page }: NotificationBody, publicUrl: string | undefined): string | null {
  if (page === null || publicUrl === undefined) return null;
  const url = URL.canParse(page, publicUrl) ? new URL(page, publicUrl) : undefined;
  return url !== undefined && url.origin === publicUrl ? url.href : null;
}

/** Text of one line: a line break in a subject would begin a header of its own. */
export function oneLine(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ")
    .replaceAll(/ {2,}/g, " ")
    .trim();
}
