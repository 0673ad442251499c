import { text } from '@/lib/form.ts';
import { formAnswer } from '@/lib/form-answer.ts';
import type { AuthState } from './actions.ts';

/** What a form without scripts has sent in vain; nothing else. */
export function sent(): AuthState {
  const { message = '', fields } = formAnswer();
  return { message, name: text(fields, 'name'), email: text(fields, 'email') };
}
