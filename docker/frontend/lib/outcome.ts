import type { Task } from './task.ts';

/** What a server action returns to the form that called it. */
export type Outcome =
  /** With `task`: as it is now. */
  | { ok: true; task?: Task }
  /** With `conflict`: the task as somebody else has left it. */
  | { ok: false; message: string; conflict?: Task; isGone?: boolean };

export const CHANGED = 'This task was changed elsewhere. Which version do you want to keep?';
export const GONE =
  'This task was deleted elsewhere. What you wrote is still here, and can be added as a new task.';

/** Without scripts; with them the page for signing in leads back to what was written. */
export const SIGNED_OUT =
  'Your session has ended, so nothing was changed yet. Sign in, then send it again.';

/** Of what an open page would do in the name of somebody who has signed in in another tab. */
export const OTHER_ACCOUNT = 'Another account is signed in in this browser now. Reload the page.';

/** The open page is of an older release, whose actions are gone with it. */
export const UPDATED =
  'TaskFlow was updated while this page was open. Copy what you want to keep, then reload the page.';

/** The same, where no script kept the form from being sent: the page shows it again. */
export const SEND_AGAIN =
  'TaskFlow was updated while this page was open, so nothing was changed yet. Send it again.';
