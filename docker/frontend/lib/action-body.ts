/**
 * The bodies that React writes when a page of this app calls a server action; no others pass.
 *
 * Promise: a body made by hand is answered with 400, and React never decodes it. React reads more
 * than our pages write: references to functions, files and streams, also in a cycle. What it cannot
 * decode is an error of the server (500) to Next, and its decoder once let anybody run code:
 * https://react.dev/blog/2025/12/03/critical-security-vulnerability-in-react-server-components
 *
 * A form is read by the exact text that browsers write: Next has two parsers, and they differ about
 * other texts. A newer React may write otherwise: then the tests in the browser fail.
 */

const MULTIPART = /^multipart\/form-data; ?boundary=([\w-]+)$/;
/** A file's part says more; no form here has one. All names are ASCII: of others parsers drop marks. */
const PART = /^\r\nContent-Disposition: form-data; name="([ !#-~]*)"\r\n\r\n(.*)\r\n$/s;

/** Twice what our calls need: two arguments, four levels deep. */
const MOST_ARGUMENTS = 4;
const MOST_LEVELS = 8;
/** A text with a dollar sign in front has two. One alone marks undefined, and the fields of a form. */
const VALUE = /^(?!\$)|^\$\$|^\$undefined$|^\$K[\da-f]+$/;
const FIELD_OF_ARGUMENT = /^_[\da-f]+_/;

const ACTION = /^\$ACTION_ID_[\da-f]{42}$/;
/** An action with arguments; two more fields have its id and them. */
const ACTION_WITH_ARGUMENTS = /^\$ACTION_REF_(\d+)$/;
const ITS_ID = /^\{"id":"[\da-f]{42}","bound":"\$@1"\}$/;

/** Whether a script sends this to call an action. */
export function isCall(type: string, body: string): boolean {
  if (type.startsWith('text/plain')) return isArguments(body);
  const form = formFields(type, body);
  return (
    isArguments(form.get('0') ?? '') &&
    [...form.keys()].every((name) => name === '0' || FIELD_OF_ARGUMENT.test(name))
  );
}

/** Whether a browser itself sends this, of a form with one action. */
export function isForm(type: string, body: string): boolean {
  const form = formFields(type, body);
  const own = [...form].filter(([name]) => name.startsWith('$ACTION_'));
  const actions = own.filter(([name]) => ACTION.test(name) || ACTION_WITH_ARGUMENTS.test(name));
  return actions.length === 1 && own.every(([name, value]) => isOwnField(name, value, form));
}

function isOwnField(name: string, value: string, form: Map<string, string>): boolean {
  if (name === '$ACTION_KEY' || ACTION.test(name)) return true;
  const [, number] = ACTION_WITH_ARGUMENTS.exec(name) ?? [];
  if (number) return form.has(`$ACTION_${number}:0`) && form.has(`$ACTION_${number}:1`);
  if (/^\$ACTION_\d+:0$/.test(name)) return ITS_ID.test(value);
  return /^\$ACTION_\d+:1$/.test(name) && isArguments(value);
}

/** None if the text is not a browser's, or if a name stands twice. */
function formFields(type: string, body: string): Map<string, string> {
  const [, boundary] = MULTIPART.exec(type) ?? [];
  if (!boundary) return new Map();
  const parts = body.split(`--${boundary}`);
  const before = parts.shift();
  const end = parts.pop();
  const fields = new Map<string, string>();
  for (const part of parts) {
    const [, name, value] = PART.exec(part) ?? [];
    if (name !== undefined && value !== undefined) fields.set(name, value);
  }
  const isWhole = before === '' && /^--(\r\n)?$/.test(end ?? '');
  return isWhole && fields.size === parts.length ? fields : new Map();
}

function isArguments(text: string): boolean {
  try {
    const args: unknown = JSON.parse(text);
    return Array.isArray(args) && args.length <= MOST_ARGUMENTS && isPlain(args);
  } catch {
    return false;
  }
}

function isPlain(value: unknown, level = 0): boolean {
  if (typeof value === 'string') return VALUE.test(value);
  if (typeof value !== 'object' || value === null) return true;
  return level < MOST_LEVELS && Object.values(value).every((inner) => isPlain(inner, level + 1));
}
