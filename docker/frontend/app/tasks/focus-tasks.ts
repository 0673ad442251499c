/** Lets the keyboard continue at the list's heading when what it was on has gone. */
export function focusTasks() {
  document.getElementById('tasks-title')?.focus();
}
