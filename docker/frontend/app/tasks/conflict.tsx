import type { FormAnswer } from '@/lib/form-answer.ts';
import { changed, fieldsOf } from '@/lib/task.ts';
import { UserInput } from '../user.tsx';
import { deleteTaskPlainly } from './actions.ts';
import { Title } from './title.tsx';
import { Versions } from './versions.tsx';

type Props = NonNullable<FormAnswer['conflict']> & { href: string };

/** Asks again, without scripts, before a task is deleted that somebody else has changed. */
export function Conflict({ seen, present, href }: Props) {
  const own = {
    ...changed(fieldsOf(present), fieldsOf(seen)),
    ...(seen.done !== present.done && { done: Boolean(seen.done) }),
  };
  return (
    <section className="card stack" aria-labelledby="conflict-title">
      <h2 id="conflict-title">
        Delete “<Title of={present.title} />” as it is now?
      </h2>
      <Versions theirs={present} own={own} />
      <div className="button-row">
        <form action={deleteTaskPlainly}>
          <UserInput />
          <input type="hidden" name="task" value={JSON.stringify(present)} />
          <button type="submit" className="danger">
            Delete it
          </button>
        </form>
        <a className="button" href={href}>
          Keep it
        </a>
      </div>
    </section>
  );
}
