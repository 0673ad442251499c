export type ChatMessage = { role: 'user' | 'assistant'; content: string };

/** More would cost more than it helps. The backend takes 50 messages of 8,000 characters. */
const REMEMBERED_MESSAGES = 12;
const REMEMBERED_CHARACTERS = 8_000;

/** The part of a conversation that the assistant is sent. */
export function remembered(messages: ChatMessage[]): ChatMessage[] {
  return messages
    .filter(({ content }) => content)
    .slice(-REMEMBERED_MESSAGES)
    .map(({ role, content }) => ({ role, content: content.slice(0, REMEMBERED_CHARACTERS) }));
}
