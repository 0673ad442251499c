export const shows = ['open', 'done', 'all'] as const;
export type Show = (typeof shows)[number];

/** Which tasks the page shows, as its address says it. */
export type Filter = { show: Show; search: string; page: number };

export const PAGE_SIZE = 50;
/** As many open tasks, the newest ones, are sorted by due day. */
export const SORTED_MAX = 1_000;
export const SEARCH_MAX = 200;
/** The backend skips at most a million tasks. */
const MAX_PAGE = 20_000;

type SearchParams = Record<string, string | string[] | undefined>;

/** Reads the page's query string. What makes no sense means the default, never an error. */
export function readFilter(params: SearchParams): Filter {
  const one = (name: string) => [params[name]].flat()[0] ?? '';
  const page = Number(one('page'));
  return {
    show: shows.find((show) => show === one('show')) ?? 'open',
    // No task contains the character that Postgres cannot store.
    search: one('search').replaceAll('\0', '').trim().slice(0, SEARCH_MAX),
    page: Number.isSafeInteger(page) && page > 0 ? Math.min(page, MAX_PAGE) : 1,
  };
}

export function pagesOf(total: number): number {
  return Math.max(Math.ceil(total / PAGE_SIZE), 1);
}

/** A filter as the task page's address says it; defaults are left out. */
export function filterQuery({ show, search, page }: Filter): URLSearchParams {
  const query = new URLSearchParams();
  if (show !== 'open') query.set('show', show);
  if (search) query.set('search', search);
  if (page > 1) query.set('page', String(page));
  return query;
}

/** The address of the task page with this filter. */
export function filterHref(filter: Filter): string {
  const query = filterQuery(filter);
  return query.size ? `/tasks?${query}` : '/tasks';
}

/** A part of the tasks that a filter shows, as the backend's query string; see Backend.listTasks. */
export function backendQuery({ show, search }: Filter, limit: number, from: number | string) {
  const start = typeof from === 'string' ? 'after' : 'offset';
  const query = new URLSearchParams({ limit: String(limit), [start]: String(from) });
  if (show !== 'all') query.set('done', String(show === 'done'));
  if (search) query.set('search', search);
  return query.toString();
}
