import assert from 'node:assert/strict';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { json } from '../lib/form.ts';
import { answerForm, formAnswer } from '../lib/form-answer.ts';
import { actionIds, actionsOf, formOfAnotherBuild } from '../lib/known-actions.ts';
import { type RequestContext, requests } from '../lib/request.ts';
import { sentAddition, sentEdit, sentUndo } from '../lib/sent.ts';
import { fieldsOf, taskOf } from '../lib/task.ts';
import { completed, deleted, saved, undone } from '../lib/undo.ts';

const task = {
  id: '00000000-0000-4000-a000-000000000000',
  title: 'Bread',
  notes: '',
  done: false,
  due: null,
  created_at: '2030-01-01T00:00:00Z',
  updated_at: '2030-01-01T00:00:00Z',
};

function formOf(fields: Record<string, string>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  return form;
}

test('only the page that answers a form without scripts shows what it led to', () => {
  const ofScript: RequestContext = { id: '1', kind: 'change' };
  const answer = { message: 'This task no longer exists.' };
  const shown = (context: RequestContext) =>
    requests.run(context, () => {
      answerForm(answer);
      return formAnswer();
    });
  assert.deepEqual(shown(ofScript), {});
  const form = new ServerResponse({ method: 'POST' } as never);
  assert.deepEqual(shown({ ...ofScript, form }), answer);
  Object.assign(answer, { fields: [{ title: 'no fields of a form' }] });
  assert.deepEqual(shown({ ...ofScript, form }), { message: answer.message });
  assert.deepEqual(formAnswer(), {});
});

test('the actions that a form names are read as React writes them', () => {
  const [one, two] = ['4'.repeat(42), '6'.repeat(42)];
  const arguments_ = `{"id":"${two}","bound":"$@1"}`;
  const form = formOf({ [`$ACTION_ID_${one}`]: '', '$ACTION_1:0': arguments_, title: 'Bread' });
  assert.deepEqual(actionIds(form), [one, two]);
  assert.deepEqual(actionIds(formOf({ $ACTION_ID_x: '', '$ACTION_1:0': 'x', title: one })), []);
});

test('the actions of a build are in its manifest; without one they are not known', async () => {
  const manifest = join(await mkdtemp(join(tmpdir(), 'actions-')), 'manifest.json');
  assert.deepEqual(await actionsOf(manifest), []);
  await writeFile(manifest, '{"node": {"40": {}}, "edge": {}}');
  assert.deepEqual(await actionsOf(manifest), ['40']);
});

test('what scripts send, and what Next asks itself with the headers of a form, is no form', async () => {
  const headers = { 'Content-Type': 'multipart/form-data; boundary=x' };
  const url = 'http://x/tasks';
  assert.equal(await formOfAnotherBuild(new Request(url, { headers })), undefined);
  const byScript = { ...headers, 'Next-Action': '40' };
  const sent = new Request(url, { method: 'POST', headers: byScript, body: 'no form' });
  assert.equal(await formOfAnotherBuild(sent), undefined);
});

test('what a form carries in place of a task is none', () => {
  const read = (sent: string) => taskOf(json(formOf({ task: sent }), 'task'));
  assert.deepEqual(read(JSON.stringify(task)), task);
  assert.deepEqual(read(JSON.stringify({ ...task, version: 1 })), { ...task, version: 1 });
  const wrong = [{ title: {} }, { done: [[]] }, { created_at: {} }, { priority: [] }, { id: '1' }];
  for (const fields of wrong) {
    assert.equal(read(JSON.stringify({ ...task, ...fields })), undefined, JSON.stringify(fields));
  }
  for (const other of ['', '{', 'null', '1', '{}', '[]', '{"__proto__": {}}']) {
    assert.equal(read(other), undefined, other);
  }
});

test('what a form carries beside a task is shown nowhere', () => {
  const deep = '['.repeat(20_000) + ']'.repeat(20_000);
  const sent = `${JSON.stringify(task).slice(0, -1)}, "tags": ${deep}}`;
  assert.deepEqual(taskOf(json(formOf({ task: sent }), 'task')), task);
});

test('what was undone is said, and to complete is undone in both directions', () => {
  const { undo } = completed(task, true);
  assert.deepEqual(undo, { kind: 'done', id: task.id, done: false });
  assert.deepEqual(undo && undone(undo, task), completed(task, false));
  const { undo: restore, lasting } = deleted(task, task.id);
  assert.equal(lasting, true);
  assert.deepEqual(restore && undone(restore, task), { text: 'Restored', title: 'Bread' });
});

test('a form that was sent in vain is shown again as what it was', () => {
  const message = 'Try again.';
  const addition = formOf({ id: task.id, title: 'Milk', filter: '' });
  const edit = formOf({ task: JSON.stringify(task), title: 'Milk', notes: '', due: '' });
  const fields = { ...fieldsOf(task), title: 'Milk' };
  assert.deepEqual(sentAddition({ message, fields: addition }), { id: task.id, fields, message });
  assert.equal(sentEdit({ message, fields: addition }), undefined);
  const nextId = undefined;
  assert.deepEqual(sentEdit({ message, fields: edit }), { base: task, fields, message, nextId });
  assert.equal(sentAddition({ message, fields: edit }), undefined);
  const deletion = formOf({ task: JSON.stringify(task) });
  assert.equal(sentEdit({ message, fields: deletion }), undefined);
});

test('an undo that was sent in vain is offered again if what it brings back is nowhere else', () => {
  const sent = (undo: unknown) => sentUndo({ fields: formOf({ undo: JSON.stringify(undo) }) });
  const deletion = deleted(task, task.id);
  assert.deepEqual(sent(deletion.undo), deletion);
  const now = { ...task, title: 'Milk', notes: 'Oat', version: 2 };
  const edit = saved('Milk', task, { title: 'Milk', notes: 'Oat' }, now);
  assert.deepEqual(sent(edit.undo), edit);
  assert.equal(sent(completed(task, true).undo), undefined);
  const deep = { kind: 'edit', task: now, former: { title: [[]] } };
  for (const forged of [null, 1, {}, { kind: 'delete', task, id: '1' }, deep]) {
    assert.equal(sent(forged), undefined, JSON.stringify(forged));
  }
});

test('an edit that met another one keeps what both have changed', () => {
  const theirs = { ...task, title: 'Rye bread', notes: 'Two loaves', version: 2 };
  const form = formOf({ task: JSON.stringify(task), title: 'Bread', due: '2030-05-01' });
  const conflict = { seen: task, present: theirs };
  const edit = sentEdit({ fields: form, conflict });
  assert.deepEqual(edit?.fields, { ...fieldsOf(theirs), due: '2030-05-01' });
  assert.deepEqual(edit?.conflict, { theirs, own: { due: '2030-05-01' } });
  assert.equal(edit?.base, theirs);
});

test('an edit is undone to what it was written over, if it changed anything', () => {
  const own = { title: 'Milk' };
  const now = { ...task, ...own, version: 2 };
  const { undo } = saved('Milk', task, own, now);
  assert.deepEqual(undo, { kind: 'edit', task: now, former: { title: 'Bread' } });
  assert.equal(saved('Bread', task, {}, undefined).undo, undefined);
});
