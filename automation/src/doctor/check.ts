/** One thing that was looked at. */
export interface DoctorCheck {
  name: string;
  status: "ok" | "warn" | "fail";
  /** What was found, in a sentence fragment: "24.21.0", "12.3 GB free". */
  detail: string;
  /** What to do about it; undefined when there is nothing to do. */
  remedy: string | undefined;
}

export function ok(name: string, detail: string): DoctorCheck {
  return { name, status: "ok", detail, remedy: undefined };
}

export function warn(name: string, detail: string, remedy: string): DoctorCheck {
  return { name, status: "warn", detail, remedy };
}

export function fail(name: string, detail: string, remedy: string): DoctorCheck {
  return { name, status: "fail", detail, remedy };
}
