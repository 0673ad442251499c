import { NAME_MAX, PASSWORD_MAX, PASSWORD_MIN } from '@/lib/account.ts';

const refusals: Record<string, string> = {
  INVALID_EMAIL_OR_PASSWORD: 'This email and password do not match an account.',
  INVALID_EMAIL: 'This does not look like an email address.',
  NAME_TOO_LONG: `Choose a name of at most ${NAME_MAX} characters.`,
  PASSWORD_TOO_SHORT: `Choose a password of at least ${PASSWORD_MIN} characters.`,
  PASSWORD_TOO_LONG: `Choose a password of at most ${PASSWORD_MAX} characters.`,
  USER_ALREADY_EXISTS: 'An account with this email exists already. Sign in instead.',
  USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL:
    'An account with this email exists already. Sign in instead.',
  TOO_MANY_ATTEMPTS: 'Too many attempts for this account. Wait a minute and try again.',
  VALIDATION_ERROR: 'Check the email address and the password.',
};

/** The sentence for one of Better Auth's error codes; none means that the database is away. */
export function explainRefusal(code: string | undefined): string {
  if (code === undefined) {
    return 'TaskFlow cannot reach its database right now. Try again in a moment.';
  }
  return refusals[code] ?? 'This was not accepted. Check what you entered and try again.';
}
