import type { Metadata } from 'next';
import { signIn } from '../actions.ts';
import { AuthForm } from '../auth-form.tsx';

export const metadata: Metadata = { title: 'Sign in' };

export default function SignInPage() {
  return <AuthForm kind="sign-in" action={signIn} />;
}
