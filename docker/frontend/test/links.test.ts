import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pieces } from '../lib/links.ts';

const links = (text: string) => pieces(text).flatMap(({ href }) => href ?? []);

test('addresses in notes are links, and the text around them stays', () => {
  const text = 'See https://a.example/x?y=1, or (http://b.example). Write to mailto:c@d.example!';
  assert.deepEqual(links(text), [
    'https://a.example/x?y=1',
    'http://b.example',
    'mailto:c@d.example',
  ]);
  assert.equal(
    pieces(text)
      .map((piece) => piece.text)
      .join(''),
    text,
  );
});

test('a closing bracket belongs to the address that has its opening one', () => {
  const wiki = 'https://x.example/Foo_(bar)';
  assert.deepEqual(links(`${wiki}, (${wiki}) and (see ${wiki}).`), [wiki, wiki, wiki]);
  assert.deepEqual(links('[https://x.example/a[1]] {https://x.example/b}'), [
    'https://x.example/a[1]',
    'https://x.example/b',
  ]);
});

test('what could run or does not parse is no link', () => {
  for (const text of [
    'javascript:alert(1)',
    'data:text/html,x',
    'xhttps://a',
    'https://',
    'www.a.b',
  ]) {
    assert.deepEqual(links(text), [], text);
  }
});
