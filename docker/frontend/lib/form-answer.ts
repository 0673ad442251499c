import { requests } from './request.ts';
import type { Task } from './task.ts';
import type { Said } from './undo.ts';

/**
 * What a form without scripts has led to. The page that answers it shows this; no address and no
 * cookie has to carry it, and a task with its notes would fit into neither.
 */
export type FormAnswer = {
  said?: Said;
  /** It asked for an action that this build does not have. */
  isUnknown?: boolean;
  /** Why it failed. */
  message?: string;
  /** What was written, so that it is shown again. */
  fields?: FormData;
  /** `seen`: what the person wanted to change or delete. `present`: what somebody else has made of it. */
  conflict?: { seen: Task; present: Task };
};

/**
 * Does nothing where scripts sent the form: they get the action's result. Anything can be sent in
 * place of a form's fields: that is shown nowhere.
 */
export function answerForm({ fields, ...answer }: FormAnswer): void {
  const request = requests.getStore();
  if (request?.form) request.answer = { ...answer, ...(fields instanceof FormData && { fields }) };
}

/** For the page, when it is rendered. */
export function formAnswer(): FormAnswer {
  const { form, answer = {} } = requests.getStore() ?? {};
  // Not before: Next sets 200 when it begins with a page.
  if (form && answer.isUnknown) form.statusCode = 409;
  return answer;
}
