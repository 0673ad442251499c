import { unstable_isUnrecognizedActionError, unstable_rethrow } from 'next/navigation';
import { UPDATED } from '@/lib/outcome.ts';

type Failed = { ok: false; message: string };

const LOST = 'This did not reach TaskFlow. Try again; if it keeps failing, reload the page.';

/**
 * Runs a server action. One that never arrived (no network, a pod that has just left, a page from
 * an older release) becomes a message, and what the person wrote stays in the form.
 */
export async function safely<T>(action: () => Promise<T>): Promise<T | Failed> {
  try {
    return await action();
  } catch (error) {
    unstable_rethrow(error);
    return { ok: false, message: unstable_isUnrecognizedActionError(error) ? UPDATED : LOST };
  }
}
