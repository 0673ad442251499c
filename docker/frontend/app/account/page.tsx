import type { Metadata } from 'next';
import { redirect } from 'next/navigation';
import { NAME_MAX, PASSWORD_MAX, PASSWORD_MIN } from '@/lib/account.ts';
import { authFor } from '@/lib/auth.ts';
import { backend } from '@/lib/backend.ts';
import { NOT_CONFIGURED } from '@/lib/chat.ts';
import { text } from '@/lib/form.ts';
import { formAnswer } from '@/lib/form-answer.ts';
import { signInHref } from '@/lib/return-to.ts';
import { currentSession, isOther, sessionHeaders } from '@/lib/session.ts';
import { browserName } from '@/lib/user-agent.ts';
import { Alert } from '../alert.tsx';
import { SessionEnded } from '../session-ended.tsx';
import { Unavailable } from '../tasks/unavailable.tsx';
import { Top } from '../top.tsx';
import { UserPage } from '../user.tsx';
import { AccountForm } from './account-form.tsx';
import { changePassword, deleteAccount, endSession, rename } from './actions.ts';

export const metadata: Metadata = { title: 'Account' };

const since = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeZone: 'UTC' });

export default async function AccountPage() {
  const session = await currentSession();
  const { message, fields } = formAnswer();
  if (session.state === 'signed-out') {
    if (!message) redirect(signInHref('/account'));
    return (
      <UserPage userId={text(fields, 'user')}>
        <main id="main" className="entry-page">
          <SessionEnded message={message} href="/account" />
          {fields?.has('name') && <NameForm name={text(fields, 'name')} />}
        </main>
      </UserPage>
    );
  }
  if (session.state === 'unknown') {
    return (
      <UserPage userId={text(fields, 'user')}>
        <main id="main" className="entry-page">
          <h1>TaskFlow is away</h1>
          <Unavailable message="TaskFlow cannot reach its database right now. Your account is safe." />
          {fields?.has('name') && <NameForm name={text(fields, 'name')} />}
        </main>
      </UserPage>
    );
  }
  const { user, sessionId } = session;
  // What another account has written is not shown in this one's page.
  const own = isOther(session, text(fields, 'user')) ? undefined : fields;
  const requestHeaders = await sessionHeaders();
  const [sessions, assistant] = await Promise.all([
    authFor(requestHeaders).api.listSessions({ headers: requestHeaders }),
    backend(user.id).assistant(),
  ]);

  return (
    <UserPage userId={user.id}>
      <Top user={user} />
      <main id="main" className="board account">
        <h1>Account</h1>
        {message && <Alert message={message} />}
        <section className="card stack" aria-labelledby="name-title">
          <h2 id="name-title">Name</h2>
          <p className="hint">You sign in with {user.email}.</p>
          <NameForm name={text(own, 'name') || user.name} />
        </section>
        <section className="card stack" aria-labelledby="password-title">
          <h2 id="password-title">Password</h2>
          <AccountForm label="Password" action={changePassword} submit="Change password">
            {/* For password managers. */}
            <input type="hidden" autoComplete="username" value={user.email} />
            <label className="field">
              <span>Current password</span>
              <input name="current" type="password" autoComplete="current-password" required />
            </label>
            <label className="field">
              <span>New password</span>
              <input
                name="new"
                type="password"
                autoComplete="new-password"
                required
                minLength={PASSWORD_MIN}
                maxLength={PASSWORD_MAX}
                aria-describedby="new-password-hint"
              />
            </label>
            <p className="hint" id="new-password-hint">
              At least {PASSWORD_MIN} characters. All other sessions end.
            </p>
          </AccountForm>
        </section>
        <section className="card stack" aria-labelledby="sessions-title">
          <h2 id="sessions-title">Sessions</h2>
          {/* biome-ignore lint/a11y/noRedundantRoles: Safari drops the role of a list without bullets. */}
          <ul role="list" className="sessions" aria-label="Sessions">
            {sessions.map(({ id, createdAt, userAgent }) => (
              <li key={id}>
                <span>
                  {browserName(userAgent)}, since {since.format(createdAt)}
                </span>
                {id === sessionId ? (
                  <strong>This one</strong>
                ) : (
                  <AccountForm label="Session" action={endSession} submit="End session">
                    <input type="hidden" name="id" value={id} />
                  </AccountForm>
                )}
              </li>
            ))}
          </ul>
        </section>
        {assistant.ok && !assistant.value.available && <p className="hint">{NOT_CONFIGURED}</p>}
        <section className="card stack" aria-labelledby="delete-title">
          <h2 id="delete-title">Delete the account</h2>
          <p>All your tasks are deleted with it. This cannot be undone.</p>
          <AccountForm
            label="Delete the account"
            action={deleteAccount}
            submit="Delete account"
            danger
          >
            <label className="field">
              <span>Your password</span>
              <input name="password" type="password" autoComplete="current-password" required />
            </label>
          </AccountForm>
        </section>
      </main>
    </UserPage>
  );
}

function NameForm({ name }: { name: string }) {
  return (
    <AccountForm label="Name" action={rename} submit="Save name">
      <label className="field">
        <span>Name</span>
        <input
          name="name"
          dir="auto"
          autoComplete="name"
          required
          maxLength={NAME_MAX}
          defaultValue={name}
        />
      </label>
    </AccountForm>
  );
}
