'use client';

import Link from 'next/link';
import { useActionState } from 'react';
import { Alert } from '../alert.tsx';
import type { AuthState } from './actions.ts';

type Props = {
  kind: 'sign-up' | 'sign-in';
  action: (state: AuthState, form: FormData) => Promise<AuthState>;
};

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

export function AuthForm({ kind, action }: Props) {
  const [state, submit, busy] = useActionState(action, { message: '', name: '', email: '' });
  const isNew = kind === 'sign-up';
  const { title, other, ...button } = texts[kind];

  return (
    <section className="card entry" aria-labelledby="entry-title">
      <h1 id="entry-title">{title}</h1>
      <form action={submit} className="stack">
        {isNew && (
          <label className="field">
            <span>Name</span>
            <input
              name="name"
              autoComplete="name"
              required
              maxLength={100}
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
            maxLength={254}
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
            minLength={isNew ? 8 : undefined}
            maxLength={128}
            aria-describedby={isNew ? 'password-hint' : undefined}
          />
        </label>
        {isNew && (
          <p className="hint" id="password-hint">
            At least 8 characters.
          </p>
        )}
        <Alert message={busy ? '' : state.message} />
        <button type="submit" className="primary" disabled={busy}>
          {busy ? button.busy : button.submit}
        </button>
      </form>
      <p className="hint">
        {other.question}{' '}
        <Link href={other.href} prefetch={false}>
          {other.label}
        </Link>
      </p>
    </section>
  );
}
