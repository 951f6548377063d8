/** `aws default_7_48_0` of the reference `<urn of the provider>::<id>` that a resource keeps; null without one. */
export function providerName(reference: string | null): string | null {
  if (reference === null) return null;
  const [, , type, name] = reference.split("::");
  if (type === undefined || name === undefined) return reference;
  return `${type.replace(/^pulumi:providers:/, "")} ${name}`;
}
