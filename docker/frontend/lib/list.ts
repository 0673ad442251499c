import { byDue } from './agenda.ts';
import type { Backend, Result } from './backend.ts';
import { type Filter, PAGE_SIZE, pagesOf, type Show } from './filter.ts';
import type { Task } from './task.ts';

/** The backend's limit for one answer. */
const CHUNK = 100;
/** As many open tasks are sorted by due day; older ones are in the list of all. */
const SORTED = 1_000;

export type Listed = { tasks: Task[]; page: number; pages: number; counts: Record<Show, number> };

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
  const first = await api.listTasks(filter, CHUNK, 0);
  if (!first.ok) return first;
  const { total, items } = first.value;
  const offsets: number[] = [];
  for (let offset = CHUNK; offset < Math.min(total, SORTED); offset += CHUNK) offsets.push(offset);
  const others = await Promise.all(offsets.map((offset) => api.listTasks(filter, CHUNK, offset)));
  // A task that is added meanwhile moves others from one answer to the next.
  const found = new Map(items.map((task) => [task.id, task]));
  for (const answer of others) {
    if (!answer.ok) return answer;
    for (const task of answer.value.items) found.set(task.id, task);
  }
  const pages = pagesOf(found.size);
  const page = Math.min(filter.page, pages);
  const start = (page - 1) * PAGE_SIZE;
  const tasks = byDue([...found.values()]).slice(start, start + PAGE_SIZE);
  return { ok: true, value: { tasks, page, pages, total } };
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
  return { ok: true, value: { tasks: items, page, pages: pagesOf(total), total } };
}
