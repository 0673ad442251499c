'use server';

import { refresh } from 'next/cache';
import { redirect } from 'next/navigation';
import { type Backend, backend, type Result } from '@/lib/backend.ts';
import type { Outcome } from '@/lib/outcome.ts';
import { AWAY } from '@/lib/problem.ts';
import { currentSession } from '@/lib/session.ts';
import { type Task, taskFields } from '@/lib/task.ts';

// Anyone can call these with anything: arguments are checked here or by the backend, never trusted.

export async function addTask(form: FormData): Promise<Outcome> {
  const fields = taskFields(form);
  if (!fields.title) return { ok: false, message: 'Give the task a title.' };
  return change((api) => api.addTask(fields));
}

export async function saveTask(id: string, form: FormData): Promise<Outcome> {
  const fields = taskFields(form);
  if (!fields.title) return { ok: false, message: 'A task needs a title.' };
  return change((api) => api.changeTask(id, fields));
}

export async function completeTask(id: string, done: boolean): Promise<Outcome> {
  return change((api) => api.changeTask(id, { done }));
}

export async function deleteTask(id: string): Promise<Outcome> {
  return change((api) => api.deleteTask(id));
}

/** Brings a deleted task back, as a new one with the same content. */
export async function restoreTask({ title, notes, due, done }: Task): Promise<Outcome> {
  return change((api) => api.addTask({ title, notes, due, done }));
}

async function change(run: (api: Backend) => Promise<Result<unknown>>): Promise<Outcome> {
  const api = await callersBackend();
  if (!api) return { ok: false, message: AWAY.message };
  const result = await run(api);
  if (!result.ok) return { ok: false, message: result.problem.message };
  refresh();
  return { ok: true };
}

/** Undefined when the database is away; without a session the person is sent to sign in. */
async function callersBackend(): Promise<Backend | undefined> {
  const session = await currentSession();
  if (session.state === 'signed-out') redirect('/sign-in');
  return session.state === 'signed-in' ? backend(session.user.id) : undefined;
}
