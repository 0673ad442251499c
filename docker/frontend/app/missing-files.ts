/**
 * Runs in the page before its scripts. While another version of the frontend is rolled out, a page may ask a pod of the
 * one version for files that only the other has. It is loaded again then, until it comes from where its files are; not
 * for ever, because a file can be missing for another reason, nor at once, because a busy pod refuses some, too.
 */
export function reloadWhenFilesAreMissing() {
  const [most, withinMs, afterMs, key] = [3, 60_000, 1_000, 'reloads'] as const;
  let reloading = false;

  function reload({ target }: Event) {
    const { src, href } = target as HTMLScriptElement & HTMLLinkElement;
    if (reloading || !(src || href || '').includes('/_next/static/')) return;
    const times: number[] = JSON.parse(sessionStorage.getItem(key) ?? '[]');
    const recent = times.filter((time) => Date.now() - time < withinMs);
    if (recent.length >= most) return;
    reloading = true;
    sessionStorage.setItem(key, JSON.stringify([...recent, Date.now()]));
    setTimeout(() => window.location.reload(), afterMs);
  }
  // Captured: these events do not bubble.
  window.addEventListener('error', reload, true);
}
