import { useNotify } from './notices.tsx';

/** Whether a link of the list can be followed; says why not. Next would leave for the browser's error page. */
export function useIsOnline(): () => boolean {
  const notify = useNotify();
  return () => {
    if (!navigator.onLine) {
      notify({ ok: false, message: 'You are offline. The list stays as it is.' }, { text: '' });
    }
    return navigator.onLine;
  };
}
