import type { Metadata } from 'next';
import { signIn } from '../actions.ts';
import { AuthForm } from '../auth-form.tsx';
import { nextPage } from '../next-page.ts';
import { sent } from '../sent.ts';

export const metadata: Metadata = { title: 'Sign in' };

export default async function SignInPage({ searchParams }: PageProps<'/sign-in'>) {
  const next = await nextPage(searchParams);
  return <AuthForm kind="sign-in" action={signIn} next={next} sent={sent()} />;
}
