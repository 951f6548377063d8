import type { Register } from "../program.ts";
export const register: Register = (program) => {
  program.command("doctor");
};
