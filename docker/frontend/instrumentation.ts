/**
 * Next calls this once, before the server answers its first request.
 * https://nextjs.org/docs/app/guides/instrumentation
 */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME === 'nodejs') {
    const { serve } = await import('./lib/serving.ts');
    await serve();
  }
}
