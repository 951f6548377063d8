/** An instant with its date, seconds and time zone, as the reader's browser writes them; for somebody in another zone it is the same instant. `timeZone` and `locale` are the browser's by default. */
export function exactTime(
  at: string,
  { locale, timeZone }: { locale?: string; timeZone?: string } = {},
): string {
  return new Intl.DateTimeFormat(locale, {
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    timeZoneName: "short",
    ...(timeZone === undefined ? {} : { timeZone }),
  }).format(new Date(at));
}
