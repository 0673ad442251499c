import { safely } from './safely.ts';

let times = 0;

/** How often this tab was emptied: what began before must leave nothing in it. */
export const timesForgotten = () => times;

/** Runs an action that ends the session; it has, if it leads to another page. */
export async function leaving<T>(action: () => Promise<T>) {
  let outcome: Awaited<ReturnType<typeof safely<T>>> | undefined;
  try {
    outcome = await safely(action);
    return outcome;
  } finally {
    if (!outcome) forgetAll();
  }
}

/**
 * What a person wrote stays in the tab for a session that has ended by itself. Who ends it leaves
 * nothing there.
 */
function forgetAll(): void {
  times += 1;
  sessionStorage.clear();
}
