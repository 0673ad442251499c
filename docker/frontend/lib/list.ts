import { byDue } from './agenda.ts';
import type { Backend, Result } from './backend.ts';
import { type Filter, PAGE_SIZE, pagesOf, type Show, SORTED_MAX } from './filter.ts';
import { NOTES_MAX, type Task, type TaskPage } from './task.ts';

/** The backend's limit for one answer. */
const CHUNK = 100;
/** Nor are more characters sorted than this, or a few people with long notes would fill the memory. */
const SORTED_CHARACTERS = 200 * NOTES_MAX;

export type Listed = {
  tasks: Task[];
  page: number;
  pages: number;
  counts: Record<Show, number>;
  /** There are older ones, which no page has. */
  isPart: boolean;
};

/** The page that a filter asks for, or the last one: with its last task a page ceases to be. */
export async function listTasks(api: Backend, filter: Filter): Promise<Result<Listed>> {
  // Three numbers from two totals.
  const other: Show = filter.show === 'open' ? 'done' : 'open';
  const [listed, counted] = await Promise.all([
    filter.show === 'open' ? openTasks(api, filter) : newest(api, filter),
    api.listTasks({ ...filter, show: other }, 1, 0),
  ]);
  if (!listed.ok) return listed;
  if (!counted.ok) return counted;
  const { total, ...rest } = listed.value;
  const counts = { [filter.show]: total, [other]: counted.value.total } as Record<Show, number>;
  if (filter.show === 'all') counts.done = counts.all - counts.open;
  else counts.all = counts.open + counts.done;
  return { ok: true, value: { ...rest, counts } };
}

type Part = Omit<Listed, 'counts'> & { total: number };

async function openTasks(api: Backend, filter: Filter): Promise<Result<Part>> {
  const found: Task[] = [];
  let total = 0;
  let characters = 0;
  // One call after the other: each begins where the one before ended, whatever is deleted meanwhile.
  let from: number | string | null = 0;
  while (from !== null && found.length < SORTED_MAX && characters < SORTED_CHARACTERS) {
    const answer: Result<TaskPage> = await api.listTasks(filter, CHUNK, from);
    if (!answer.ok) return answer;
    const { items, next } = answer.value;
    found.push(...items);
    for (const { title, notes } of items) characters += title.length + notes.length;
    total = answer.value.total;
    // The backend of the release before knows offsets only.
    from = next === undefined && items.length === CHUNK ? found.length : (next ?? null);
  }
  const pages = pagesOf(found.length);
  const page = Math.min(filter.page, pages);
  const start = (page - 1) * PAGE_SIZE;
  const tasks = byDue(found).slice(start, start + PAGE_SIZE);
  return { ok: true, value: { tasks, page, pages, total, isPart: from !== null } };
}

async function newest(api: Backend, filter: Filter): Promise<Result<Part>> {
  const ask = (page: number) => api.listTasks(filter, PAGE_SIZE, (page - 1) * PAGE_SIZE);
  let page = filter.page;
  let answer = await ask(page);
  const last = answer.ok ? pagesOf(answer.value.total) : page;
  if (page > last) {
    page = last;
    answer = await ask(page);
  }
  if (!answer.ok) return answer;
  const { items, total } = answer.value;
  return { ok: true, value: { tasks: items, page, pages: pagesOf(total), total, isPart: false } };
}
