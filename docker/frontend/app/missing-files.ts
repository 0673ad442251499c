/**
 * Runs in the head of each page. While another version of the frontend is rolled out, a page may ask a pod of the one
 * version for files that only the other has. It is loaded again then, until it comes from where its files are; not for
 * ever, because files can be missing for another reason, and not before the server answers, because a page without its
 * scripts can be read, and a browser's error page cannot.
 */
export function reloadWhenFilesAreMissing() {
  const [most, withinMs, afterMs, key] = [3, 60_000, 1_000, 'reloads'] as const;
  const never = -1;
  let timer = 0;

  function missing(address = '') {
    if (!timer && address.includes('/_next/static/')) timer = window.setTimeout(reload, afterMs);
  }

  async function reload() {
    const times: number[] = JSON.parse(sessionStorage.getItem(key) ?? '[]');
    const recent = times.filter((time) => Date.now() - time < withinMs);
    if (recent.length >= most) return;
    const answer = await fetch('/healthz/live').catch(() => undefined);
    if (timer === never) return;
    if (!answer?.ok) {
      timer = window.setTimeout(reload, afterMs);
      return;
    }
    sessionStorage.setItem(key, JSON.stringify([...recent, Date.now()]));
    // Not reload(): it would send a form once more whose answer this page is.
    window.location.replace(window.location.pathname + window.location.search);
  }

  const captured = true; // These events do not bubble.
  window.addEventListener(
    'error',
    ({ target }) => {
      const { src, href } = target as HTMLScriptElement & HTMLLinkElement;
      missing(src || href);
    },
    captured,
  );
  // Files that the head names before this script may be missing already.
  const files = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
  for (const { name, responseStatus } of files) if (responseStatus >= 400) missing(name);

  // What a person sends meanwhile has its own answer.
  window.addEventListener('submit', () => {
    clearTimeout(timer);
    timer = never;
  });
}
