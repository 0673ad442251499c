/** What a field of a form says. Anything can be sent to an action in place of a form: that says nothing. */
export function text(form: unknown, name: string): string {
  const value = form instanceof FormData ? form.get(name) : undefined;
  return typeof value === 'string' ? value : '';
}

/** What a field carries as JSON; undefined if it is none. */
export function json(form: unknown, name: string): unknown {
  try {
    return JSON.parse(text(form, name));
  } catch {
    return undefined;
  }
}
