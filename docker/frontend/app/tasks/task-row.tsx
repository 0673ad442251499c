'use client';

import { useLayoutEffect, useOptimistic, useRef, useState, useTransition } from 'react';
import type { Task } from '@/lib/task.ts';
import { safely } from '../safely.ts';
import { completeTask, deleteTask, restoreTask } from './actions.ts';
import { DueDate } from './due-date.tsx';
import { EditTask } from './edit-task.tsx';
import { focusTasks } from './focus-tasks.ts';
import { PencilIcon, TrashIcon } from './icons.tsx';
import { useNotify } from './notices.tsx';

export function TaskRow({ task }: { task: Task }) {
  const notify = useNotify();
  const row = useRef<HTMLLIElement>(null);
  const editButton = useRef<HTMLButtonElement>(null);
  const [editing, setEditing] = useState(false);
  const [done, setDone] = useOptimistic(task.done);
  const [busy, start] = useTransition();
  // Deleted, or done while only open tasks are shown: the row takes its buttons along.
  useLayoutEffect(() => {
    const item = row.current;
    return () => {
      if (item?.matches(':focus-within')) focusTasks();
    };
  }, []);

  const toggle = (checked: boolean) =>
    start(async () => {
      setDone(checked);
      const outcome = await safely(() => completeTask(task.id, checked));
      notify(outcome, `${checked ? 'Completed' : 'Reopened'} “${task.title}”.`);
    });

  const restore = () =>
    start(async () => {
      notify(await safely(() => restoreTask(task)), `Restored “${task.title}”.`);
    });

  const remove = () =>
    start(async () => {
      const outcome = await safely(() => deleteTask(task.id));
      notify(outcome, `Deleted “${task.title}”.`, restore);
    });

  const close = () => {
    setEditing(false);
    requestAnimationFrame(() => editButton.current?.focus());
  };

  if (editing) {
    return (
      <li ref={row} className="task">
        <EditTask task={task} onClose={close} />
      </li>
    );
  }
  return (
    <li ref={row} className="task" data-done={done || undefined} aria-busy={busy}>
      <input
        type="checkbox"
        id={`done-${task.id}`}
        checked={done}
        onChange={(event) => toggle(event.target.checked)}
      />
      <div className="task-text">
        <label className="task-title" htmlFor={`done-${task.id}`}>
          {task.title}
        </label>
        {task.notes && <p className="task-notes">{task.notes}</p>}
        {task.due && <DueDate day={task.due} done={done} />}
      </div>
      <div className="task-buttons">
        <button
          ref={editButton}
          type="button"
          className="icon"
          aria-label={`Edit ${task.title}`}
          title="Edit"
          onClick={() => setEditing(true)}
        >
          <PencilIcon />
        </button>
        <button
          type="button"
          className="icon danger"
          aria-label={`Delete ${task.title}`}
          title="Delete"
          // Not disabled while busy, which would take the focus away.
          onClick={() => busy || remove()}
        >
          <TrashIcon />
        </button>
      </div>
    </li>
  );
}
