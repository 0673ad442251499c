import { authFor } from '@/lib/auth.ts';
import { answerAuth } from '@/lib/auth-api.ts';

function handle(request: Request): Promise<Response> {
  return answerAuth(request, (asked) => authFor(asked.headers).handler(asked));
}

export { handle as GET, handle as POST };
