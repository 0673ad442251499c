import type { Task, TaskChanges } from '@/lib/task.ts';

const NAMES = {
  title: 'Title',
  notes: 'Notes',
  due: 'Due date',
  priority: 'Priority',
  done: 'Done',
};

/** The person's version and the saved one, field by field. */
export function Versions({ theirs, own }: { theirs: Task; own: TaskChanges }) {
  const names = Object.keys(own) as (keyof TaskChanges)[];
  return (
    <table className="versions">
      <thead>
        <tr>
          <td />
          <th scope="col">Yours</th>
          <th scope="col">Elsewhere</th>
        </tr>
      </thead>
      <tbody>
        {names.map((name) => (
          <tr key={name}>
            <th scope="row">{NAMES[name]}</th>
            <td dir="auto">{shown(own[name])}</td>
            <td dir="auto">{shown(theirs[name])}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function shown(value: TaskChanges[keyof TaskChanges]): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return value || 'none';
}
