/**
 * At most `limit` attempts with one key in `windowMs`: guesses at an account's password, questions
 * of one person.
 *
 * The key is never the client's address, because that says nothing here: through a NodePort
 * everyone seems to come from the node, and x-forwarded-for is whatever the client wrote. The count
 * lives in this process, so N replicas allow N times as many attempts.
 */
export class Throttle {
  readonly #attempts = new Map<string, { count: number; until: number }>();
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #maxKeys: number;

  /** `maxKeys` bounds the memory that a flood of invented accounts can take. */
  constructor(limit: number, windowMs: number, maxKeys = 10_000) {
    this.#limit = limit;
    this.#windowMs = windowMs;
    this.#maxKeys = maxKeys;
  }

  /** Counts an attempt; false when it is one too many. */
  allow(key: string, now = Date.now()): boolean {
    const current = this.#attempts.get(key);
    if (current && current.until > now) {
      current.count += 1;
      return current.count <= this.#limit;
    }
    // A Map keeps insertion order and every window is equally long: the first one ends first.
    this.#attempts.delete(key);
    if (this.#attempts.size >= this.#maxKeys) {
      const oldest = this.#attempts.keys().next();
      if (!oldest.done) this.#attempts.delete(oldest.value);
    }
    this.#attempts.set(key, { count: 1, until: now + this.#windowMs });
    return true;
  }

  /** The right password was given: start again from nothing. */
  forget(key: string): void {
    this.#attempts.delete(key);
  }
}
