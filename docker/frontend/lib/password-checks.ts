import { noteRefusal, RETRY_SECONDS, requests } from './request.ts';

/** Nobody types faster: the rest are guesses. */
const AT_ONCE_PER_GUESSER = 2;

class BusyError extends Error {
  override name = 'BusyError';
}

/** By its name: what refused may be of another copy of this module, and so its class. */
export function isBusy(error: unknown): boolean {
  return error instanceof Error && error.name === 'BusyError';
}

/**
 * Password checks run one after the other: scrypt takes 32 MiB and, on a quarter of a core, half a
 * second. How many requests come this far, and who waits, is decided before, in places.ts.
 */
export class PasswordChecks {
  #last: Promise<unknown> = Promise.resolve();
  readonly #perGuesser = new Map<string, number>();

  /** The result of `check`, or a BusyError without having run it. */
  async run<T>(guesser: string, check: () => Promise<T>): Promise<T> {
    const same = this.#perGuesser.get(guesser) ?? 0;
    if (same >= AT_ONCE_PER_GUESSER) throw new BusyError();
    this.#perGuesser.set(guesser, same + 1);
    const turn = this.#last.then(check);
    this.#last = turn.catch(() => {});
    try {
      return await turn;
    } finally {
      const left = (this.#perGuesser.get(guesser) ?? 1) - 1;
      if (left) this.#perGuesser.set(guesser, left);
      else this.#perGuesser.delete(guesser);
    }
  }
}

// Next gives pages and routes a copy of each module; the order is one for the process.
const shared: typeof globalThis & { taskflowPasswordChecks?: PasswordChecks } = globalThis;
shared.taskflowPasswordChecks ??= new PasswordChecks();
const checks = shared.taskflowPasswordChecks;

/** Runs a check of a password when its turn comes, or throws a BusyError. `guesser`: see known-browser.ts. */
export async function inTurn<T>(guesser: string, check: () => Promise<T>): Promise<T> {
  // A server action can be sent to any address; there it would take the place of others.
  const kind = requests.getStore()?.kind ?? 'password';
  try {
    if (kind !== 'password') throw new BusyError();
    return await checks.run(guesser, check);
  } catch (error) {
    if (isBusy(error)) noteRefusal(503, RETRY_SECONDS);
    throw error;
  }
}
