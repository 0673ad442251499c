/** A task as the backend sends it. Dates are ISO 8601; `due` is a day without a time. */
export type Task = {
  id: string;
  title: string;
  notes: string;
  done: boolean;
  due: string | null;
  created_at: string;
  updated_at: string;
};

export type TaskPage = { items: Task[]; total: number };

/** What a person can write into a task. */
export type TaskFields = Pick<Task, 'title' | 'notes' | 'due'>;
export type NewTask = TaskFields & Partial<Pick<Task, 'done'>>;

/** The backend's limits, so that the form says so before it is sent. */
export const TITLE_MAX = 200;
export const NOTES_MAX = 10_000;
export const DUE_MIN = '1900-01-01';
export const DUE_MAX = '2999-12-31';

export function taskFields(form: FormData): TaskFields {
  return {
    title: text(form, 'title').trim(),
    notes: text(form, 'notes').replaceAll('\r\n', '\n').trim(),
    due: text(form, 'due') || null,
  };
}

function text(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === 'string' ? value : '';
}
