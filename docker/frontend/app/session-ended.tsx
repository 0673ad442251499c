import { signInHref } from '@/lib/return-to.ts';
import { Alert } from './alert.tsx';

/** In place of a page whose form was sent after its session had ended. `href` leads to that page. */
export function SessionEnded({ message, href }: { message: string; href: string }) {
  return (
    <>
      <h1>Your session has ended</h1>
      {message && <Alert message={message} />}
      {/* What was written stays in this tab. */}
      <a className="button primary" href={signInHref(href)} target="_blank" rel="noopener">
        Sign in in a new tab
      </a>
    </>
  );
}
