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

test('no link ends with what ends a sentence or a quotation, in any language', () => {
  for (const end of [...'.,;:!?…)]}’”›»。，、；：！？）】」』', '.)', '?»', '…”']) {
    const [link] = links(`See “https://x.example/a${end} And then`);
    assert.equal(link, 'https://x.example/a', end);
  }
});

test('no link has characters that are not seen', () => {
  assert.deepEqual(links('https://x.example/\u202egpj.exe'), ['https://x.example/']);
  for (const unseen of ['\u034f', '\u115f', '\u3164', '\ufe0f', '\u{e0101}']) {
    assert.deepEqual(links(`https://x.example/a${unseen}b`), ['https://x.example/a'], unseen);
  }
  assert.deepEqual(links('https://x.example/a\u200b https://y.example\u0007'), [
    'https://x.example/a',
    'https://y.example',
  ]);
});

test('a closing bracket belongs to the address that has its opening one', () => {
  const wiki = 'https://x.example/Foo_(bar)';
  assert.deepEqual(links(`${wiki}, (${wiki}) and (see ${wiki}).`), [wiki, wiki, wiki]);
  assert.deepEqual(links('[https://x.example/a[1]] {https://x.example/b}'), [
    'https://x.example/a[1]',
    'https://x.example/b',
  ]);
});

test('a text has at most fifty links, and all of it is shown', () => {
  const text = 'http://a '.repeat(1_111);
  assert.equal(links(text).length, 50);
  const shown = pieces(text).map((piece) => piece.text);
  assert.equal(shown.join(''), text);
});

test('what could run, does not parse or hides its host is no link', () => {
  for (const text of [
    'javascript:alert(1)',
    'data:text/html,x',
    'xhttps://a',
    'https://',
    'www.a.b',
    'mailto:.',
    'https://bank.example@x.example/',
    'http://bank.example:443@x.example',
  ]) {
    assert.deepEqual(links(text), [], text);
  }
});
