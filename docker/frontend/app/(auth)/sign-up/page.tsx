import type { Metadata } from 'next';
import { returnTo } from '@/lib/return-to.ts';
import { signUp } from '../actions.ts';
import { AuthForm } from '../auth-form.tsx';

export const metadata: Metadata = { title: 'Sign up' };

export default async function SignUpPage({ searchParams }: PageProps<'/sign-up'>) {
  const { next } = await searchParams;
  return <AuthForm kind="sign-up" action={signUp} next={returnTo(next)} />;
}
