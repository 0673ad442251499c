import { type Filter, filterQuery } from '@/lib/filter.ts';

/** A button anywhere on the page that names it as its form sends it. */
export const LIST_FORM = 'list-form';

/** Asks for the same list without scripts; a button can add a task to edit. */
export function ListForm({ filter }: { filter: Filter }) {
  return (
    <form id={LIST_FORM} action="/tasks">
      <FilterInputs filter={filter} />
    </form>
  );
}

export function FilterInputs({ filter }: { filter: Filter }) {
  return [...filterQuery(filter)].map(([name, value]) => (
    <input key={name} type="hidden" name={name} value={value} />
  ));
}
