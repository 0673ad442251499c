import type { ReactNode } from 'react';
import { DUE_MAX, DUE_MIN, NOTES_MAX, type TaskFields, TITLE_MAX } from '@/lib/task.ts';

type Props = { task?: TaskFields; focusTitle?: boolean; children?: ReactNode };

/** The fields of a task, for adding one and for changing one; children stand beside the last. */
export function TaskInputs({ task, focusTitle = false, children }: Props) {
  return (
    <>
      <label className="field">
        <span>Title</span>
        <input
          name="title"
          required
          maxLength={TITLE_MAX}
          autoComplete="off"
          defaultValue={task?.title}
          // biome-ignore lint/a11y/noAutofocus: the person has just asked to edit this task.
          autoFocus={focusTitle}
        />
      </label>
      <div className="field-row">
        <label className="field grow">
          <span>Notes</span>
          <textarea name="notes" rows={1} maxLength={NOTES_MAX} defaultValue={task?.notes} />
        </label>
        <label className="field">
          <span>Due date</span>
          <input
            name="due"
            type="date"
            min={DUE_MIN}
            max={DUE_MAX}
            defaultValue={task?.due ?? ''}
          />
        </label>
        {children}
      </div>
    </>
  );
}
