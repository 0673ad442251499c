import { type Task, type TaskFields, taskFields } from '@/lib/task.ts';

/** What is being written is kept for this tab and this person, through reloads and a session that ended. */
const KEPT = ['title', 'notes', 'due', 'priority'];

const keyOf = (userId: string) => `new-task-${userId}`;

/**
 * `sentId`: of a task that was sent with this text and whose answer is missing: it may have arrived,
 * so that the next try must not add another one.
 */
export function keepDraft(form: HTMLFormElement, userId: string, sentId = ''): void {
  if (!userId) return;
  const fields = new FormData(form);
  const draft = Object.fromEntries(KEPT.map((name) => [name, String(fields.get(name) ?? '')]));
  const isEmpty = !draft.title && !draft.notes && !draft.due;
  if (isEmpty) sessionStorage.removeItem(keyOf(userId));
  else sessionStorage.setItem(keyOf(userId), JSON.stringify({ ...draft, sentId }));
}

/**
 * Returns the `sentId` that was kept. Nothing is overwritten that was typed before the scripts were
 * there.
 */
export function restoreDraft(form: HTMLFormElement, userId: string): string {
  const kept = userId && sessionStorage.getItem(keyOf(userId));
  const title = form.elements.namedItem('title');
  if (!kept || (title instanceof HTMLInputElement && title.value)) return '';
  const { sentId = '', ...draft } = JSON.parse(kept);
  fill(form, draft);
  return sentId;
}

/** Fields that are not named stay as they are, also under somebody's hands. */
export function fill(form: HTMLFormElement, fields: Partial<TaskFields>): void {
  for (const [name, value] of Object.entries(fields)) {
    const field = form.elements.namedItem(name);
    if (field && 'value' in field) field.value = value ?? '';
  }
}

/** `base`: the task as it was when its editing began, so that a change elsewhere is still a conflict. */
type KeptEdit = { base: Task; fields: TaskFields };

const editKey = (userId: string, id = '') => `edit-${userId}-${id}`;

export function keepEdit(userId: string, base: Task, form: HTMLFormElement): void {
  if (!userId) return;
  const kept: KeptEdit = { base, fields: taskFields(new FormData(form)) };
  sessionStorage.setItem(editKey(userId, base.id), JSON.stringify(kept));
}

export function keptEdit(userId: string, id: string): KeptEdit | undefined {
  return JSON.parse(sessionStorage.getItem(editKey(userId, id)) ?? 'null') ?? undefined;
}

export function keptEdits(userId: string): KeptEdit[] {
  const keys = Object.keys(sessionStorage).filter((key) => key.startsWith(editKey(userId)));
  return userId ? keys.map((key) => JSON.parse(sessionStorage.getItem(key) ?? '')) : [];
}

export function forgetEdit(userId: string, id: string): void {
  sessionStorage.removeItem(editKey(userId, id));
}
