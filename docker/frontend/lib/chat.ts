export type ChatMessage = { role: 'user' | 'assistant'; content: string };

/** More would cost more than it helps. */
const REMEMBERED_MESSAGES = 12;
/** The backend's limit on a message. */
const MESSAGE_CHARACTERS = 8_000;
/** Below the backend's limit on a body, 128 KiB; one message of any characters fits. */
const CONVERSATION_BYTES = 48 * 1024;

export const NOT_CONFIGURED =
  'The assistant is not configured. It needs an OpenAI API key, which whoever runs TaskFlow can add to its configuration.';
export const UNFINISHED =
  'The assistant did not finish. Some of it may be done already: look at your tasks before you try again.';

/** The part of a conversation that the assistant is sent: its end, as much as the backend takes. */
export function remembered(messages: ChatMessage[]): ChatMessage[] {
  const kept = messages
    .map(({ role, content }) => ({ role, content: acceptable(content) }))
    .filter(({ content }) => content)
    .slice(-REMEMBERED_MESSAGES);
  while (kept.length > 1 && bytesOf(kept) > CONVERSATION_BYTES) kept.shift();
  return kept;
}

/** Neither NUL nor half a character; the cut must not leave half of one either. */
function acceptable(content: string): string {
  const cut = content.replaceAll('\0', '').slice(0, MESSAGE_CHARACTERS);
  return cut.replace(/[\uD800-\uDBFF]$/, '').toWellFormed();
}

function bytesOf(messages: ChatMessage[]): number {
  return new TextEncoder().encode(JSON.stringify({ messages })).length;
}
