const READ = ['GET', 'HEAD'];
const FORM = [...READ, 'POST'];
const CALL = ['POST'];

/** Of pages, those with a form take POST. Next would answer other methods with 500, or name none in `Allow`. */
const METHODS = new Map([
  ['*', FORM],
  ['/', READ],
  ['/sign-in', FORM],
  ['/sign-up', FORM],
  ['/tasks', FORM],
  ['/account', FORM],
  ['/robots.txt', READ],
  ['/icon.svg', READ],
  ['/healthz', READ],
  ['/healthz/live', READ],
  ['/api/assistant', CALL],
  // What programs may call; the pages use server actions. Everything else Better Auth has is shut.
  ['/api/auth/sign-up/email', CALL],
  ['/api/auth/sign-in/email', CALL],
  ['/api/auth/sign-out', CALL],
  ['/api/auth/delete-user', CALL],
  ['/api/auth/get-session', READ],
]);

/** There are no images, and Next would look for a folder for them first, which the image does not have. */
const SHUT = '/_next/image';

/** The methods that a path answers, or undefined if there is nothing. */
export function methodsOf(path: string): string[] | undefined {
  return path.startsWith('/_next/static/') ? READ : METHODS.get(path);
}

/** Whether Next may get a request. It answers a path where there is nothing with its own 404. */
export function isAnswered(method: string, path: string): boolean {
  return path !== SHUT && isPath(path) && (methodsOf(path) ?? FORM).includes(method);
}

/** To Next itself a `*`, or what it cannot decode, is an error of the server (500). */
function isPath(text: string): boolean {
  try {
    return decodeURIComponent(text).startsWith('/');
  } catch {
    return false;
  }
}
