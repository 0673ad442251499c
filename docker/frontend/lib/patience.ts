import { setTimeout as sleep } from 'node:timers/promises';
import { isConnectionError } from './problem.ts';

/** 25, 50, ... 400 ms: six attempts within the 1.5 s that a page waits. */
const FIRST_PAUSE_MS = 25;

/**
 * `fetch`, but a read whose connection breaks or is refused is retried until its signal says
 * that it is enough. A pod that was killed refuses connections until Kubernetes notices, a second
 * or two later, and each new attempt may be led to another pod. Only a read is safe to repeat.
 */
export async function fetchPatiently(
  url: string,
  init: RequestInit & { signal: AbortSignal },
): Promise<Response> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
    try {
      return await fetch(url, init);
    } catch (error) {
      if (init.method !== 'GET' || !isConnectionError(error)) throw error;
      await sleep(pauseMs, undefined, { signal: init.signal });
    }
  }
}
