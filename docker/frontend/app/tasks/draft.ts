/** What is being written is kept for this tab, through reloads and a session that ended. */
const KEY = 'new-task';
const KEPT = ['title', 'notes', 'due', 'priority'];

export function keepDraft(form: HTMLFormElement): void {
  const fields = new FormData(form);
  const draft = KEPT.map((name) => [name, String(fields.get(name) ?? '')]);
  sessionStorage.setItem(KEY, JSON.stringify(Object.fromEntries(draft)));
}

/** Nothing is overwritten that was typed before the scripts were there. */
export function restoreDraft(form: HTMLFormElement): void {
  const draft: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? 'null');
  const title = form.elements.namedItem('title');
  if (!draft || (title instanceof HTMLInputElement && title.value)) return;
  for (const [name, value] of Object.entries(draft)) {
    const field = form.elements.namedItem(name);
    if (field && 'value' in field && KEPT.includes(name)) field.value = value;
  }
}

export function forgetDraft(): void {
  sessionStorage.removeItem(KEY);
}
