const HOME = '/tasks';

/** Where to go after signing in: an address of this site, as `next` says it, or the tasks. */
export function returnTo(next: unknown): string {
  if (typeof next !== 'string' || next.length > 2_000) return HOME;
  const base = 'http://this-site.invalid';
  if (!URL.canParse(next, base) || !next.startsWith('/')) return HOME;
  const url = new URL(next, base);
  // `//elsewhere`, `/\elsewhere` and the like lead away; `/..//elsewhere` does so once its dots are resolved.
  if (url.origin !== base || url.pathname.startsWith('//')) return HOME;
  return `${url.pathname}${url.search}`;
}

/** The page for signing in that leads back to `path` afterwards. */
export function signInHref(path: string, page = '/sign-in'): string {
  return path === HOME ? page : `${page}?${new URLSearchParams({ next: path })}`;
}
