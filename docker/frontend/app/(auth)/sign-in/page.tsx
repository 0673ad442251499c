import type { Metadata } from 'next';
import { returnTo } from '@/lib/return-to.ts';
import { signIn } from '../actions.ts';
import { AuthForm } from '../auth-form.tsx';

export const metadata: Metadata = { title: 'Sign in' };

export default async function SignInPage({ searchParams }: PageProps<'/sign-in'>) {
  const { next } = await searchParams;
  return <AuthForm kind="sign-in" action={signIn} next={returnTo(next)} />;
}
