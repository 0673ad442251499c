import { PASSWORD_MAX, PASSWORD_MIN } from './account.ts';

/**
 * The words of which most common passwords are made, in English and German. With a year behind it, with
 * capitals or with `4` for `a`, each is the same guess, so one form is enough; patterns need no list.
 */
const COMMON = `
  1a2b3c a1b2c3 a1s2d3 access admin administrator adrian airborne airforce airplane alexander
  alexandra alexis amanda american anderson andrea andreas andrew angel angela angelina anthony
  apple arschloch arsenal ashley asshole austin babygirl backup banana barcelona baseball
  basketball batman bayern beautiful benjamin berlin bigdaddy birthday blink182 bluebird bonjour
  borussia brandon brooklyn buddy bulldog bullshit business butterfly carolina caroline casper
  champion changeme charlie charlotte cheese chelsea chester chicago chicken chocolate chouchou
  chris christian christina christine cocacola coffee colorado computer contrasena contraseña
  cookie corvette courtney cowboys creative dallas daniel daniela danielle darkness database
  david december default demo dennis deutschland diamond dolphin dominik dortmund doudou dragon
  eagles einstein elefant elephant elisabeth elizabeth eminem erdbeere estrella explorer family
  ferrari feuerwehr ficken flower football forever formula franklin franziska freedom freunde
  friend friends fuckyou fussball fußball gandalf gangster garfield gast geheim george germany
  ginger goldfish golfer google guest guinness guitar hallo hamburg hammer hamster handball
  hannah hannover hardcore harley heather hello hellokitty hockey hunter icecream iceman
  ichliebedich iloveyou infinity internet isabella jackson jaguar james jasmine jennifer jessica
  johannes john jonathan jordan joshua julian justin juventus kartoffel katharina kathleen katze
  kennwort kevin killer kimberly knight kristina lacrosse lasvegas lauren legend letmein liebe
  liebling lincoln liverpool logitech lollipop london love lovely lucky madison maggie
  manchester marcel maria marina marlboro marshall martin master matrix matthew maverick
  maximilian mazda melanie melissa mercedes merlin metallica mexico michael michelle michigan
  microsoft midnight minecraft mistress mitchell mohammed money monika monster montreal morgan
  motdepasse motorola mountain mustang napoleon newyork nicholas nicole nintendo november oliver
  orange packers panasonic panda panther paradise parker pass passphrase passwd password
  passwort patricia patrick pepper phoenix pineapple player please pokemon porsche prince
  princess prinzessin rainbow ranger rebecca redbull redskins regenbogen richard robert root
  sabrina samantha samsung sandra sascha scarface schalke schatz schluessel schlüssel
  schmetterling schnecke schneider schnuffel schokolade schule scooter scorpion scotland
  sebastian secret security senha september server service shadow silver simpsons slipknot
  snickers snoopy snowball soccer softball software soleil sommer sonne sonnenblume sonnenschein
  spiderman spongebob spring stargate startrek starwars steelers stefan stefanie stella
  sternchen steven summer sunflower sunshine superman support sweet swordfish system taskflow
  taylor telefon temp tennis test testing thailand thomas thunder tiger tigger trinity trustno1
  undertaker urlaub user valentina vanessa vergessen veronica victoria viking virginia
  volkswagen warcraft warrior wasser welcome werder whatever wildcat william willkommen windows
  winner winter wizard wolfgang wolverine yamaha yankees
`
  .trim()
  .split(/\s+/);

/** Ways over QWERTY, QWERTZ and AZERTY keyboards, the alphabet and the digits; each also backwards. */
const WAYS = `
  qwertyuiop asdfghjkl; zxcvbnm,. qwertzuiopü asdfghjklöä yxcvbnm,. azertyuiop qsdfghjklm wxcvbn,;
  1qaz 2wsx 3edc 4rfv 5tgb 6yhn 7ujm 1qay 2wsx 6zhn 1aqw 2zsx qwedsa asdcxz
  1q2w3e4r5t6y7u8i9o0p 1q2w3e4r5t6z q1w2e3r4t5y6u7i8o9p0 q1w2e3r4t5z6 qawsedrftgyhujikolp
  !@#$%^&*() !"§$%&/()= abcdefghijklmnopqrstuvwxyz 01234567890
`
  .trim()
  .split(/\s+/)
  .flatMap((way) => [way, [...way].reverse().join('')]);
const SHORTEST_WAY = 3;

/** A piece that would be too short alone is not longer for being written again. */
const REPEATED = new RegExp(`(.{1,${PASSWORD_MIN - 1}}?)\\1+`, 'gu');
const SHORTEST_REPETITION = 6;

/** What is written for these letters. */
const LETTERS: Record<string, string> = {
  ...{ '@': 'a', 4: 'a', 3: 'e', '!': 'i', '|': 'i', l: 'i', 1: 'i' },
  ...{ 0: 'o', $: 's', 5: 's', 7: 't' },
};

/** Dates, telephone numbers and ways over the number pad: of numbers alone, only long ones are hard. */
const NUMBER = /^[\d\s()./+-]{1,15}$/;

/** At least half of a guess is of these kinds, and of the rest not more than this is letters: `12345678a`, `Ada-2024!`. */
const OTHER_LETTERS = 2;

/** Whether a password is among the first guesses: made of common words, patterns, and the person's own address or name. */
export function isEasilyGuessed(password: string, email: string, name = ''): boolean {
  // Refused for its length; to read one that fills a whole form would keep everybody waiting for seconds.
  if (password.length > PASSWORD_MAX) return false;
  // As Better Auth hashes it: full-width letters are the plain ones.
  const text = password.normalize('NFKC').trim().toLowerCase();
  const words = [...COMMON, ...wordsOf(`${name} ${email}`)].map(plain);
  // `aabbccdd`, `pass-wort`
  const spellings = [text, text.replace(/(.)\1/gu, '$1'), text.replace(/[\s._-]/g, '')];
  return NUMBER.test(text) || spellings.some((spelling) => isMadeOf(spelling, words, text.length));
}

function isMadeOf(text: string, words: string[], length: number): boolean {
  const known = new Set<number>();
  const mark = (start: number, count: number) => {
    for (let i = start; i < start + count; i += 1) known.add(i);
  };
  const spelled = plain(text);
  for (const word of words) {
    for (let at = spelled.indexOf(word); at >= 0; at = spelled.indexOf(word, at + 1)) {
      mark(at, word.length);
    }
  }
  for (const { index, 0: found } of text.matchAll(REPEATED)) {
    if (found.length >= SHORTEST_REPETITION) mark(index, found.length);
  }
  for (let start = 0; start + SHORTEST_WAY <= text.length; start += 1) {
    const piece = text.slice(start, start + SHORTEST_WAY);
    if (WAYS.some((way) => way.includes(piece))) mark(start, SHORTEST_WAY);
  }
  const letters = [...text.matchAll(/\p{L}/gu)].filter(({ index }) => !known.has(index)).length;
  return known.size >= length / 2 && letters <= OTHER_LETTERS;
}

/** One letter for all its usual spellings: `1` can be an `i` or an `l`. */
function plain(text: string): string {
  return text.replace(/[@$!|l013457]/g, (sign) => LETTERS[sign] ?? sign);
}

/** Those of a name or an address that are long enough to say something. */
function wordsOf(text: string): string[] {
  const lower = text.normalize('NFKC').toLowerCase();
  const words = [...lower.split(/[^\p{L}\p{N}]+/u), ...lower.split(/\P{L}+/u)];
  return words.filter((word) => word.length >= 3);
}
