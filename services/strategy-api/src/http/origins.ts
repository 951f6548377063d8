const LOOPBACK = /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

/** Which browser origins may call the API: `loopback`, `none`, or a list separated by commas. */
export function allowedOrigins(setting: string): RegExp | string[] | false {
  if (setting === "none") return false;
  if (setting === "loopback") return LOOPBACK;
  return setting.split(",").map((origin) => origin.trim().replace(/\/$/, ""));
}
