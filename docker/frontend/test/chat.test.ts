import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ChatMessage, remembered } from '../lib/chat.ts';

test('the assistant is sent the end of the conversation, within the limits of the backend', () => {
  const talk = Array.from(
    { length: 30 },
    (_, i): ChatMessage => ({ role: 'user', content: `${i}` }),
  );
  const sent = remembered([...talk, { role: 'assistant', content: 'x'.repeat(9_000) }]);
  assert.equal(sent.length, 12);
  assert.equal(sent.at(0)?.content, '19');
  assert.equal(sent.at(-1)?.content.length, 8_000);
});

test('an empty answer is not sent back: the backend would refuse it', () => {
  assert.deepEqual(remembered([{ role: 'assistant', content: '' }]), []);
});
