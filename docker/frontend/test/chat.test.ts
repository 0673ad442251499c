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

const KIB = 1024;

test('what is sent fits into the body that the backend takes, whatever it is made of', () => {
  for (const character of ['x', 'ß', '漢', '🌱', '"', '\u0001', '\ud800']) {
    const talk = Array.from(
      { length: 12 },
      (_, i): ChatMessage => ({ role: 'user', content: i + character.repeat(9_000) }),
    );
    const sent = remembered(talk);
    const bytes = Buffer.byteLength(JSON.stringify({ messages: sent }));
    assert.ok(bytes <= 48 * KIB, `${bytes} bytes of ${JSON.stringify(character)}`);
    assert.match(sent.at(-1)?.content ?? '', /^11/, 'the newest is among them');
  }
});

test('a message is cut between two characters, and holds nothing that the backend refuses', () => {
  const [sent] = remembered([{ role: 'user', content: `\0x${'🌱'.repeat(5_000)}` }]);
  assert.equal(sent?.content, `x${'🌱'.repeat(3_999)}`);
});

test('an empty answer is not sent back: the backend would refuse it', () => {
  assert.deepEqual(remembered([{ role: 'assistant', content: '' }]), []);
});
