import type { Metadata } from 'next';
import { signUp } from '../actions.ts';
import { AuthForm } from '../auth-form.tsx';

export const metadata: Metadata = { title: 'Sign up' };

export default function SignUpPage() {
  return <AuthForm kind="sign-up" action={signUp} />;
}
