'use client';

import Link from 'next/link';
import { useActionState } from 'react';
import { EMAIL_MAX, NAME_MAX, PASSWORD_MAX, PASSWORD_MIN } from '@/lib/account.ts';
import { signInHref } from '@/lib/return-to.ts';
import { Alert } from '../alert.tsx';
import { useSubmit } from '../use-submit.ts';
import type { AuthState } from './actions.ts';

type Props = {
  kind: 'sign-up' | 'sign-in';
  action: (state: AuthState, form: FormData) => Promise<AuthState>;
  /** Where the person wanted to go. */
  next: string;
  /** What a form of another build has sent in vain. */
  sent: AuthState;
};

const NOTHING: AuthState = { message: '', name: '', email: '' };

const texts = {
  'sign-up': {
    title: 'Create your account',
    submit: 'Sign up',
    busy: 'Signing up…',
    other: { question: 'Already have an account?', href: '/sign-in', label: 'Sign in instead' },
  },
  'sign-in': {
    title: 'Welcome back',
    submit: 'Sign in',
    busy: 'Signing in…',
    other: { question: 'New to TaskFlow?', href: '/sign-up', label: 'Create an account' },
  },
};

export function AuthForm({ kind, action, next, sent }: Props) {
  // Before the scripts have loaded, the browser sends the form, and the page comes back with this.
  const [state, send] = useActionState(action, sent);
  const { problem, busy, submit } = useSubmit(async (fields) => ({
    ok: false,
    ...(await action(NOTHING, fields)),
  }));
  const isNew = kind === 'sign-up';
  const { title, other, ...button } = texts[kind];

  return (
    <section className="card entry" aria-labelledby="entry-title">
      <h1 id="entry-title">{title}</h1>
      <form action={send} onSubmit={submit} className="stack">
        <input type="hidden" name="next" value={next} />
        {isNew && (
          <label className="field">
            <span>Name</span>
            <input
              name="name"
              dir="auto"
              autoComplete="name"
              required
              maxLength={NAME_MAX}
              defaultValue={state.name}
            />
          </label>
        )}
        <label className="field">
          <span>Email</span>
          <input
            name="email"
            type="email"
            autoComplete="email"
            required
            maxLength={EMAIL_MAX}
            defaultValue={state.email}
          />
        </label>
        <label className="field">
          <span>Password</span>
          <input
            name="password"
            type="password"
            autoComplete={isNew ? 'new-password' : 'current-password'}
            required
            minLength={isNew ? PASSWORD_MIN : undefined}
            maxLength={PASSWORD_MAX}
            aria-describedby={isNew ? 'password-hint' : undefined}
          />
        </label>
        {isNew && (
          <p className="hint" id="password-hint">
            At least {PASSWORD_MIN} characters.
          </p>
        )}
        <Alert message={busy ? '' : problem || state.message} />
        <button type="submit" className="primary" aria-disabled={busy}>
          {busy ? button.busy : button.submit}
        </button>
      </form>
      <p className="hint">
        {other.question}{' '}
        <Link href={signInHref(next, other.href)} prefetch={false}>
          {other.label}
        </Link>
      </p>
    </section>
  );
}
