import { APIError } from 'better-auth/api';
import { NAME_MAX, PASSWORD_MAX, PASSWORD_MIN } from '@/lib/account.ts';
import { log } from '@/lib/log.ts';
import { isBusy } from '@/lib/password-checks.ts';
import { noteOutage, RETRY_SECONDS } from '@/lib/request.ts';

/** What people read while the account database is away. */
export const AWAY = 'TaskFlow cannot reach its database right now. Try again in a moment.';

const refusals: Record<string, string> = {
  INVALID_EMAIL_OR_PASSWORD: 'This email and password do not match an account.',
  INVALID_EMAIL: 'This does not look like an email address.',
  INVALID_PASSWORD: 'This is not your password.',
  NAME_REQUIRED: 'Tell us your name.',
  NAME_TOO_LONG: `Choose a name of at most ${NAME_MAX} characters.`,
  PASSWORD_REQUIRED: 'Give your password.',
  PASSWORD_TOO_COMMON: 'This password is easy to guess. Choose another one.',
  PASSWORD_TOO_SHORT: `Choose a password of at least ${PASSWORD_MIN} characters.`,
  PASSWORD_TOO_LONG: `Choose a password of at most ${PASSWORD_MAX} characters.`,
  USER_ALREADY_EXISTS: 'An account with this email exists already. Sign in instead.',
  USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL:
    'An account with this email exists already. Sign in instead.',
  VALIDATION_ERROR: 'Check the email address and the password.',
};

/** The sentence for what Better Auth, the queue or the database refused. */
export function explainRefusal(error: unknown): string {
  if (isBusy(error)) {
    return `Many people are signing in right now. Try again in ${RETRY_SECONDS} seconds.`;
  }
  if (!(error instanceof APIError) || error.statusCode >= 500) {
    noteOutage('database');
    log.error('The account database could not be used', { error });
    return AWAY;
  }
  const { code = '', seconds } = error.body ?? {};
  if (code === 'TOO_MANY_ATTEMPTS') {
    const wait = seconds === 1 ? '1 second' : `${seconds} seconds`;
    return `Too many wrong passwords. Try again in ${wait}.`;
  }
  return refusals[code] ?? 'This was not accepted. Check what you entered and try again.';
}
