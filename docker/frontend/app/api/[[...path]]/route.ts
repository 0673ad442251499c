import { refuse } from '@/lib/refusal.ts';

/** What no other route answers: Next's own answer is a page for people. */
function handle(): Response {
  return refuse(404, 'There is nothing here.');
}

export { handle as GET, handle as POST };
