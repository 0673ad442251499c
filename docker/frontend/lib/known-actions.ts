import { readFile } from 'node:fs/promises';

/** Where the standalone server, whose folder is the current one, has the ids of its actions. */
const MANIFEST = '.next/server/server-reference-manifest.json';
const ID = /^[\da-f]{42}$/;

let known: Promise<string[]> | undefined;

/**
 * What a browser itself sent from a page of another build, whose actions have other ids: Next would
 * answer with a line of text, and what the person wrote would be gone.
 */
export async function formOfAnotherBuild(request: Request): Promise<FormData | undefined> {
  const { method, headers } = request;
  const isForm = headers.get('content-type')?.startsWith('multipart/form-data');
  // Next itself asks for the page that an action leads to by a GET with the action's headers.
  if (method !== 'POST' || !isForm || headers.has('next-action')) return undefined;
  known ??= actionsOf(MANIFEST);
  const [ids, form] = await Promise.all([known, request.formData()]);
  const isForeign = ids.length > 0 && actionIds(form).some((id) => !ids.includes(id));
  return isForeign ? form : undefined;
}

/** None without such a file: `next dev` compiles actions when they are asked for. */
export async function actionsOf(manifest: string): Promise<string[]> {
  try {
    return Object.keys(JSON.parse(await readFile(manifest, 'utf8')).node);
  } catch {
    return [];
  }
}

/** React names an action in a field's name, or in the value of one if the action has arguments. */
export function actionIds(form: FormData): string[] {
  const named = [...form].flatMap(([name, value]) => {
    if (name.startsWith('$ACTION_ID_')) return name.slice('$ACTION_ID_'.length);
    return /^\$ACTION_\d+:0$/.test(name) ? String(value).split('"')[3] : undefined;
  });
  return named.filter((id): id is string => id !== undefined && ID.test(id));
}
