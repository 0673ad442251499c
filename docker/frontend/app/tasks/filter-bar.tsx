'use client';

import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { type SubmitEvent, useEffect, useRef } from 'react';
import { type Filter, filterHref, SEARCH_MAX, type Show, shows } from '@/lib/filter.ts';
import { useIsOnline } from './is-online.ts';
import { FilterInputs } from './list-form.tsx';

const labels = { all: 'All', open: 'Open', done: 'Done' };
const TYPING_PAUSE_MS = 300;

/** How many tasks each choice shows; none while the backend is away. */
export type Counts = Record<Show, number>;

export function FilterBar({ filter, counts }: { filter: Filter; counts?: Counts | undefined }) {
  const isOnline = useIsOnline();
  const router = useRouter();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  // What was asked for last. The page shows it only once the server has answered.
  const wanted = useRef(filter);
  useEffect(() => () => clearTimeout(timer.current), []);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    wanted.current = filter;
    // Back and Forward change the address; who is typing is not disturbed.
    if (field.current && field.current !== document.activeElement) {
      field.current.value = filter.search;
    }
  }, [filter]);

  function want(change: Partial<Filter>): string {
    clearTimeout(timer.current);
    wanted.current = { ...wanted.current, ...change, page: 1 };
    return filterHref(wanted.current);
  }

  function choose(event: { preventDefault: () => void }, show: Show) {
    event.preventDefault();
    if (isOnline()) router.push(want({ show }));
  }

  function search(pauseMs: number) {
    const href = want({ search: field.current?.value.trim() ?? '' });
    timer.current = setTimeout(() => {
      if (isOnline()) router.replace(href, { scroll: false });
    }, pauseMs);
  }

  function searchNow(event: SubmitEvent) {
    event.preventDefault();
    search(0);
  }

  return (
    <div className="filter-bar">
      <nav aria-label="Filter tasks">
        {shows.map((show) => (
          <Link
            key={show}
            href={filterHref({ ...filter, show, page: 1 })}
            prefetch={false}
            onNavigate={(event) => choose(event, show)}
            aria-current={filter.show === show ? 'page' : undefined}
          >
            {labels[show]}
            {counts && <span className="count"> {counts[show]}</span>}
          </Link>
        ))}
      </nav>
      {/* Enter works before the scripts have loaded, too. */}
      <search>
        <form action="/tasks" onSubmit={searchNow}>
          <FilterInputs filter={{ ...filter, search: '', page: 1 }} />
          <input
            ref={field}
            type="search"
            name="search"
            aria-label="Search tasks"
            placeholder="Search tasks"
            dir="auto"
            maxLength={SEARCH_MAX}
            defaultValue={filter.search}
            onChange={() => search(TYPING_PAUSE_MS)}
          />
        </form>
      </search>
      <p className="hidden" aria-live="polite">
        {filter.search && counts ? `${counts[filter.show]} found` : ''}
      </p>
    </div>
  );
}
