/**
 * What a person wrote stays in the tab for a session that has ended by itself. Who ends it leaves
 * nothing there.
 */
export function forgetAll(): void {
  sessionStorage.clear();
}
