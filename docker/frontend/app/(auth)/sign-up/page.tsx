import type { Metadata } from 'next';
import { signUp } from '../actions.ts';
import { AuthForm } from '../auth-form.tsx';
import { nextPage } from '../next-page.ts';
import { sent } from '../sent.ts';

export const metadata: Metadata = { title: 'Sign up' };

export default async function SignUpPage({ searchParams }: PageProps<'/sign-up'>) {
  const next = await nextPage(searchParams);
  return <AuthForm kind="sign-up" action={signUp} next={next} sent={sent()} />;
}
