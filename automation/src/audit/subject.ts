/** A stack as audit entries and messages name it: `organisation/project/stack`. */
export function subjectOf(stack: { organisation: string; project: string; stack: string }): string {
  return `${stack.organisation}/${stack.project}/${stack.stack}`;
}
