import { DUE_MAX, DUE_MIN, NOTES_MAX, PRIORITIES, type TaskFields, TITLE_MAX } from '@/lib/task.ts';

const LABELS = { low: 'Low', normal: 'Normal', high: 'High' };

type TitleProps = { title?: string | undefined; focus?: boolean; placeholder?: string };

export function TitleInput({ title, focus = false, placeholder }: TitleProps) {
  return (
    <label className="field grow">
      {/* A placeholder says it to the eye. */}
      <span className={placeholder && 'hidden'}>Title</span>
      <input
        name="title"
        dir="auto"
        required
        maxLength={TITLE_MAX}
        autoComplete="off"
        placeholder={placeholder}
        defaultValue={title}
        // biome-ignore lint/a11y/noAutofocus: the person has just asked to edit this task.
        autoFocus={focus}
      />
    </label>
  );
}

/** All of a task but its title. */
export function DetailInputs({ task }: { task?: TaskFields | undefined }) {
  return (
    <div className="field-row">
      <label className="field wide">
        <span>Notes</span>
        <textarea
          name="notes"
          dir="auto"
          rows={2}
          maxLength={NOTES_MAX}
          defaultValue={task?.notes}
        />
      </label>
      <label className="field">
        <span>Due date</span>
        <input name="due" type="date" min={DUE_MIN} max={DUE_MAX} defaultValue={task?.due ?? ''} />
      </label>
      <label className="field">
        <span>Priority</span>
        <select name="priority" defaultValue={task?.priority ?? 'normal'}>
          {PRIORITIES.map((priority) => (
            <option key={priority} value={priority}>
              {LABELS[priority]}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}
