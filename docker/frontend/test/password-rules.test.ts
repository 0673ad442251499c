import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { PASSWORD_MAX } from '../lib/account.ts';
import { isEasilyGuessed } from '../lib/password-rules.ts';

const email = 'margaret.h4@example.com';
const name = 'Margaret de Montgomery-Hamilton';

const guesses = {
  'a common word': ['password', 'passwort', 'PASSWORT', ' password ', 'schlüssel', 'TaskFlow'],
  'one in letters that are hashed as the plain ones': [
    'ｐａｓｓｗｏｒｄ',
    '𝐩𝐚𝐬𝐬𝐰𝐨𝐫𝐭',
    'ⓠⓦⓔⓡⓣⓨⓤⓘ',
    '１２３４５６７８',
  ],
  'one with digits and signs': ['password1', 'Passwort123!', '!!2024passwort', 'Sommer-2024!'],
  'several of them': ['passwordpassword', 'AdminPasswort', 'hallo-welcome', 'i love you'],
  'one with digits for letters': ['Pa55w0rd', 'p@ssw0rd', 'P4$$wor7', '1l0vey0u', 'f007ba11'],
  'a way over a QWERTY keyboard': ['qwertyui', 'asdfghjkl', 'poiuytrewq', '1qaz2wsx', '!QAZ2wsx'],
  'over a QWERTZ keyboard': ['qwertzui', 'yxcvbnm,', '1qay2wsx', 'yaq12wsx', 'qwertz123'],
  'over an AZERTY keyboard': ['azertyui', 'qsdfghjk', '1aqw2zsx', 'azerty123'],
  'several ways': ['qwer1234', 'qazwsxedc', '1q2w3e4r', 'q1w2e3r4t5', 'asdfjkl;', 'qweasdzxc'],
  'one character or two': ['aaaaaaaa', '--------', 'aabbabab', 'xmxmmxmx'],
  'a repeated piece': [
    'abcabcabc',
    '12121212',
    'wxyzwxyz',
    'hundhund',
    'kramerkramer',
    'xkcdxkcd1',
  ],
  'a run of the alphabet or of digits': [
    'abcdefgh',
    'hgfedcba',
    '12345678',
    '12345678a',
    'aa123456',
  ],
  'both runs at once': ['a1b2c3d4', '1a2b3c4d', 'abcd1234', 'aabbccdd', '11223344'],
  'a date or another short number': ['24.12.1999', '1999-12-24', '147258369', '0151 2345678'],
  "the person's address": [email, ` ${email.toUpperCase()}`, 'Example.com', 'margaret.h4!'],
  "the person's name": [
    'montgomery',
    'margaret hamilton',
    'hamilton4',
    'M4rg4ret-1815',
    'Hami1ton!',
  ],
};

for (const [kind, passwords] of Object.entries(guesses)) {
  test(`a password is refused that is ${kind}`, () => {
    const accepted = passwords.filter((password) => !isEasilyGuessed(password, email, name));
    assert.deepEqual(accepted, []);
  });
}

test('a good password is not, also with common words and parts of patterns', () => {
  const good = [
    ...['correct horse battery staple', 'Sommerregen auf dem Dach', 'kJ8#mq2LxP', 'margaret walks'],
    ...[
      'thirty-two purple elephants',
      'master of the seven kitchens',
      'winter is colder than june',
    ],
    ...[
      '$%!?#&*+',
      '4f8k2m9x',
      'tr0ub4dor&3',
      'Wq6Ayr2m',
      'a quiet password drawer',
      '쌀밥과 김치찌개 좋아',
    ],
    ...['3141592653589793238', 'zxc 84 lantern', 'ada likes mountains', 'Dachs!Fuchs!Luchs!'],
  ];
  assert.deepEqual(
    good.filter((password) => isEasilyGuessed(password, email, name)),
    [],
  );
});

test('nor is one of a generator', () => {
  const random = Array.from({ length: 500 }, () => randomBytes(16).toString('base64url'));
  assert.deepEqual(
    random.filter((password) => isEasilyGuessed(password, email, name)),
    [],
  );
});

test('one that is too long to be a password is not read', () => {
  assert.equal(isEasilyGuessed('password'.repeat(PASSWORD_MAX), email, name), false);
});

test('signs of two units take nothing from the letters beside them', () => {
  assert.ok(isEasilyGuessed('🔑🔑🔑password', email, name));
  assert.ok(!isEasilyGuessed('🔑🔑🔑password-horse', email, name));
});
