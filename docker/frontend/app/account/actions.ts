'use server';

import { headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { authFor } from '@/lib/auth.ts';
import { text } from '@/lib/form.ts';
import { answerForm } from '@/lib/form-answer.ts';
import { OTHER_ACCOUNT } from '@/lib/outcome.ts';
import { inTurn } from '@/lib/password-checks.ts';
import { currentSession, isOther, signedOut } from '@/lib/session.ts';
import { AWAY, explainRefusal } from '../(auth)/refusals.ts';

/** What a form of the account page says after it was sent. */
export type AccountState = { ok: boolean; message: string };

type Auth = ReturnType<typeof authFor>;
type Action = (auth: Auth, headers: Headers, userId: string) => Promise<unknown>;

export async function rename(_: AccountState, form: FormData): Promise<AccountState> {
  const name = text(form, 'name').trim();
  return act(form, 'Your name is saved.', (auth, requestHeaders) =>
    auth.api.updateUser({ body: { name }, headers: requestHeaders }),
  );
}

export async function changePassword(_: AccountState, form: FormData): Promise<AccountState> {
  const body = {
    currentPassword: text(form, 'current'),
    newPassword: text(form, 'new'),
    revokeOtherSessions: true,
  };
  return act(
    form,
    'Your password is changed, and you are signed out everywhere else.',
    (auth, requestHeaders, userId) =>
      inTurn(userId, () => auth.api.changePassword({ body, headers: requestHeaders })),
  );
}

/** The page knows sessions by their ids; what signs in with them, their tokens, it never sees. */
export async function endSession(_: AccountState, form: FormData): Promise<AccountState> {
  const id = text(form, 'id');
  return act(form, 'That session has ended.', async (auth, requestHeaders) => {
    const sessions = await auth.api.listSessions({ headers: requestHeaders });
    const token = sessions.find((session) => session.id === id)?.token;
    if (token) await auth.api.revokeSession({ body: { token }, headers: requestHeaders });
  });
}

export async function deleteAccount(_: AccountState, form: FormData): Promise<AccountState> {
  const body = { password: text(form, 'password') };
  const outcome = await act(form, '', (auth, requestHeaders, userId) =>
    inTurn(userId, () => auth.api.deleteUser({ body, headers: requestHeaders })),
  );
  if (outcome.ok) redirect('/sign-up');
  return outcome;
}

async function act(form: FormData, success: string, action: Action): Promise<AccountState> {
  const session = await currentSession();
  if (session.state === 'signed-out') {
    const outcome = signedOut('/account');
    answerForm({ message: outcome.message, fields: form });
    return outcome;
  }
  // A new name is shown again.
  const failed = (message: string) => {
    answerForm({ fields: form });
    return { ok: false, message };
  };
  if (session.state === 'unknown') return failed(AWAY);
  if (isOther(session, text(form, 'user'))) return { ok: false, message: OTHER_ACCOUNT };
  const requestHeaders = await headers();
  try {
    await action(authFor(requestHeaders), requestHeaders, session.user.id);
    return { ok: true, message: success };
  } catch (error) {
    return failed(explainRefusal(error));
  }
}
