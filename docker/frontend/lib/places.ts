import type { IncomingMessage, ServerResponse } from 'node:http';
import { knownBrowser } from './known-browser.ts';
import { refuseEarly } from './refusal.ts';
import { RETRY_SECONDS } from './request.ts';

/**
 * A pod with a quarter of a core renders about 8 pages a second. Admitting more makes
 * everything slower, until none gets an answer in time, not even the probes, and Kubernetes
 * restarts a pod that was only busy. So each kind of request has as many places as about
 * one second's work; a request that finds them taken is refused at once.
 */
export type Kind = {
  name: 'probe' | 'file' | 'page' | 'assistant' | 'password' | 'change';
  fits: (method: string, path: string) => boolean;
  places: number;
  /** How many may wait for a place. */
  waiting?: number;
  /** How long a body may take, where it is smaller than the largest. */
  bodyMs?: number;
  /** How long it may take until the answer has been read, where that is longer than for most. */
  answerMs?: number;
  /** Logged only at LOG_LEVEL=debug. */
  quiet: boolean;
};

const READS = ['GET', 'HEAD'];

const PROBES = new Set(['/healthz', '/healthz/live']);
/** Where a password is sent. */
const PASSWORDS = new Set([
  '/sign-in',
  '/sign-up',
  '/account',
  '/api/auth/sign-in/email',
  '/api/auth/sign-up/email',
  '/api/auth/delete-user',
]);
/** The largest body takes a slow phone a second or two; whoever needs longer must not keep a place. */
const BODY_MS = 10_000;
/** Nor must whoever does not read an answer. */
const ANSWER_MS = 30_000;

/** A request is of the first kind that fits. */
const KINDS: Kind[] = [
  {
    name: 'probe',
    fits: (_, path) => PROBES.has(path),
    places: Number.POSITIVE_INFINITY,
    quiet: true,
  },
  // 3.5 ms each; a browser's first visit asks for ten, six at a time.
  {
    name: 'file',
    fits: (_, path) => path.startsWith('/_next/static/'),
    places: 48,
    quiet: true,
  },
  // 30 ms each.
  {
    name: 'page',
    fits: (method) => READS.includes(method),
    places: 8,
    quiet: false,
  },
  // They wait for up to a minute and work little, and must keep nobody from signing in.
  {
    name: 'assistant',
    fits: (_, path) => path === '/api/assistant',
    places: 16,
    answerMs: 90_000,
    quiet: false,
  },
  // Half a second each, one after the other, so few are let in. They must keep nobody from changing
  // a task, and a flood of them nobody from signing in.
  {
    name: 'password',
    fits: (_, path) => PASSWORDS.has(path),
    places: 4,
    waiting: 40,
    bodyMs: 2_000,
    quiet: false,
  },
  { name: 'change', fits: () => true, places: 16, quiet: false },
];

/** As long as somebody waits for a place at most. */
const WAIT_MS = 8_000;

type Enter = () => Promise<void>;
type Waiter = { browser: string | undefined; enter: () => void; giveUp: () => void };

export class Places {
  readonly #taken = new Map<Kind, number>();
  readonly #waiting: Waiter[] = [];

  kindOf(method: string, path: string): Kind {
    return KINDS.find(({ fits }) => fits(method, path)) as Kind;
  }

  /** Runs `enter` once there is a place, which is kept until that has settled and the response is closed. */
  admit(kind: Kind, request: IncomingMessage, response: ServerResponse, enter: Enter): void {
    if ((this.#taken.get(kind) ?? 0) < kind.places) this.#enter(kind, request, response, enter);
    else if (kind.waiting) {
      const browser = knownBrowser(request.headers.cookie);
      const later = () => this.#enter(kind, request, response, enter);
      const giveUp = () => refuse(request, response, RETRY_SECONDS);
      this.#wait(kind.waiting, browser, response, later, giveUp);
    } else refuse(request, response, 2);
  }

  #enter(kind: Kind, request: IncomingMessage, response: ServerResponse, enter: Enter): void {
    this.#taken.set(kind, (this.#taken.get(kind) ?? 0) + 1);
    let timer: NodeJS.Timeout | undefined;
    // Node itself would wait for five minutes, and Next for ever for the rest of a body that was cut.
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        if (request.complete) return;
        request.destroy();
        resolve();
      }, kind.bodyMs ?? BODY_MS);
    });
    const unread = setTimeout(() => response.destroy(), kind.answerMs ?? ANSWER_MS);
    const closed = new Promise<void>((resolve) => {
      response.once('close', () => {
        clearTimeout(unread);
        resolve();
      });
    });
    // Hanging up ends no work: whoever sends and leaves must not get more of it done at once.
    void Promise.race([late, Promise.all([closed, enter()])]).finally(() => {
      clearTimeout(timer);
      this.#taken.set(kind, (this.#taken.get(kind) ?? 1) - 1);
      // The newest first: in a flood it is the flood that waits, and who comes later is next.
      if (kind.waiting) this.#waiting.pop()?.enter();
    });
  }

  /** Costs nothing but the connection; who waits longest gives way, or gives up. */
  #wait(
    most: number,
    browser: string | undefined,
    response: ServerResponse,
    enter: () => void,
    giveUp: () => void,
  ): void {
    if (this.#waiting.length >= most) this.#waiting[0]?.giveUp();
    const leave = () => {
      clearTimeout(timer);
      response.off('close', leave);
      const place = this.#waiting.indexOf(waiter);
      if (place >= 0) this.#waiting.splice(place, 1);
    };
    const waiter: Waiter = {
      browser: this.#waiting.some((other) => other.browser === browser) ? undefined : browser,
      enter: () => {
        leave();
        enter();
      },
      giveUp: () => {
        leave();
        giveUp();
      },
    };
    const timer = setTimeout(waiter.giveUp, WAIT_MS);
    response.once('close', leave);
    // Browsers that somebody has signed in with before go first, each once: a flood keeps nobody out there.
    const strangers = this.#waiting.filter((other) => !other.browser).length;
    this.#waiting.splice(waiter.browser ? this.#waiting.length : strangers, 0, waiter);
  }
}

function refuse(request: IncomingMessage, response: ServerResponse, seconds: number): void {
  const isRead = READS.includes(request.method ?? '');
  const next = isRead
    ? `This page tries again in ${seconds} seconds.`
    : `Nothing was changed: wait ${seconds} seconds, go back, and send it again.`;
  refuseEarly(request, response, 503, `TaskFlow is very busy. ${next}`, {
    'Retry-After': String(seconds),
    // A browser does by itself what Retry-After asks for, but never sends a form again.
    ...(isRead && { Refresh: String(seconds) }),
  });
}
