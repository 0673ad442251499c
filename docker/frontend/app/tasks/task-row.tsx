'use client';

import { type SubmitEvent, useLayoutEffect, useOptimistic, useRef, useTransition } from 'react';
import type { Edit } from '@/lib/sent.ts';
import type { Task } from '@/lib/task.ts';
import { completed, deleted } from '@/lib/undo.ts';
import { safely } from '../safely.ts';
import { UserInput, useUserId } from '../user.tsx';
import { completeTask, completeTaskPlainly, deleteTask, deleteTaskPlainly } from './actions.ts';
import { DueDate } from './due-date.tsx';
import { EditTask } from './edit-task.tsx';
import { focusTasks } from './focus-tasks.ts';
import { CheckIcon, PencilIcon, TrashIcon } from './icons.tsx';
import { LIST_FORM } from './list-form.tsx';
import { Notes } from './notes.tsx';
import { useNotify } from './notices.tsx';

const PRIORITY = { high: 'High priority', low: 'Low priority' };

type Props = {
  task: Task;
  today: string;
  isEdited: boolean;
  sent?: Edit | undefined;
  /** Without a task the editing has ended. */
  onEdit: (base?: Task) => void;
};

/** Its buttons are forms, which work without scripts, too. */
export function TaskRow({ task, today, isEdited, sent, onEdit }: Props) {
  const notify = useNotify();
  const userId = useUserId();
  const row = useRef<HTMLLIElement>(null);
  const editButton = useRef<HTMLButtonElement>(null);
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
      const outcome = await safely(() => completeTask(userId, task.id, checked));
      notify(outcome, completed(task, checked));
    });

  const remove = () =>
    start(async () => {
      const outcome = await safely(() => deleteTask(userId, task.id, task.version));
      notify(outcome, deleted(task));
    });

  /** With scripts the row does it without leaving the page. */
  const instead = (act: () => void) => (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    act();
  };

  const close = () => {
    onEdit();
    requestAnimationFrame(() => editButton.current?.focus());
  };

  if (isEdited) {
    return (
      <li ref={row} className="task">
        {/* Anew where an edit was kept that the server cannot know. */}
        <EditTask key={String(!sent)} task={task} sent={sent} onEdit={onEdit} onClose={close} />
      </li>
    );
  }
  return (
    <li ref={row} className="task" data-done={done || undefined} aria-busy={busy}>
      <form action={completeTaskPlainly} onSubmit={instead(() => toggle(!done))}>
        <UserInput />
        <input type="hidden" name="id" value={task.id} />
        <input type="hidden" name="done" value={String(!done)} />
        {/* biome-ignore lint/a11y/useSemanticElements: an input sends no form without scripts. */}
        <button
          type="submit"
          role="checkbox"
          className="check"
          id={`done-${task.id}`}
          aria-checked={done}
          aria-labelledby={`title-${task.id}`}
        >
          <CheckIcon />
        </button>
      </form>
      <div className="task-text">
        <label
          className="task-title"
          id={`title-${task.id}`}
          htmlFor={`done-${task.id}`}
          dir="auto"
        >
          {task.title}
        </label>
        {task.notes && <Notes text={task.notes} />}
        <div className="labels">
          {task.due && <DueDate day={task.due} done={done} today={today} />}
          {(task.priority === 'high' || task.priority === 'low') && (
            <p className="priority" data-priority={task.priority}>
              {PRIORITY[task.priority]}
            </p>
          )}
        </div>
      </div>
      <div className="task-buttons">
        <button
          ref={editButton}
          type="submit"
          form={LIST_FORM}
          name="edit"
          value={task.id}
          className="icon"
          aria-label={`Edit ${task.title}`}
          title="Edit"
          onClick={(event) => {
            event.preventDefault();
            onEdit(task);
          }}
        >
          <PencilIcon />
        </button>
        {/* Not disabled while busy, which would take the focus away. */}
        <form action={deleteTaskPlainly} onSubmit={instead(() => busy || remove())}>
          <UserInput />
          <input type="hidden" name="task" value={JSON.stringify(task)} />
          <button
            type="submit"
            className="icon danger"
            aria-label={`Delete ${task.title}`}
            title="Delete"
          >
            <TrashIcon />
          </button>
        </form>
      </div>
    </li>
  );
}
