import type { ProjectFiles } from "../sources/project-files.ts";

/** Config keys that a program needs a value for. */
export function requiredBy({ pulumiProject }: ProjectFiles): string[] {
  return Object.entries(pulumiProject.config)
    .filter(([, declared]) => !declared.hasDefault)
    .map(([key]) => key);
}
