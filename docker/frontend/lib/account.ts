/** What an account is made of; the form says it before it is sent. */
export const NAME_MAX = 100;
export const EMAIL_MAX = 254;
export const PASSWORD_MIN = 8;
export const PASSWORD_MAX = 128;

/** The first that anybody tries, of those that are long enough. */
const COMMON = new Set(
  `1234567890 1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qazxsw2 zaq12wsx q1w2e3r4 a1b2c3d4 aa123456 abc12345
  abcd1234 access14 admin123 administrator adminadmin asdfghjk asdfghjkl baseball basketball
  benjamin changeme charlie1 chelsea1 chocolate computer corvette dragon123 elizabeth football
  football1 geheim123 iloveyou iloveyou1 internet jennifer jonathan jordan23 letmein1 letmein123
  liverpool liverpool1 maverick mercedes michelle midnight monkey123 mustang1 passw0rd password
  password! password1 password12 password123 password1234 p@ssw0rd p@ssword princess princess1
  qwer1234 qwertyui qwertyuiop qwerty12 qwerty123 qwerty1234 samantha secret123 slipknot starwars
  sunshine sunshine1 superman superman1 taskflow taskflow1 test1234 trustno1 victoria welcome1
  welcome123 whatever william1 zxcvbnm1 zxcvbnm123`.split(/\s+/),
);

const SHORT_BLOCK = 4;

/** Whether a password is among the first guesses: a common one, a pattern, or the person's own address or name. */
export function isEasilyGuessed(password: string, email: string, name = ''): boolean {
  const guess = password.trim().toLowerCase();
  return COMMON.has(guess) || isPattern(guess) || isMadeOf(guess, `${name} ${email}`);
}

/** `abababab`, `12312312`, `11223344`, `87654321`. */
function isPattern(text: string): boolean {
  const isRepeated = (block: number) => text.slice(block) === text.slice(0, -block);
  const codes = [...text.replace(/(.)\1+/gu, '$1')].map((letter) => letter.codePointAt(0) ?? 0);
  const steps = codes.slice(1).map((code, i) => code - (codes[i] ?? 0));
  return (
    new Set(text).size < 3 ||
    Array.from({ length: SHORT_BLOCK }, (_, i) => i + 1).some(isRepeated) ||
    new Set(steps).size === 1
  );
}

/** Whether a text has these words and no others, in any order. */
function isMadeOf(text: string, given: string): boolean {
  const wordsOf = (some: string) => some.toLowerCase().split(/[^\p{L}\p{N}]+/u);
  const words = wordsOf(given).filter((word) => word.length > 1);
  const left = words
    .sort((a, b) => b.length - a.length)
    .reduce((rest, word) => rest.replaceAll(word, ' '), text);
  return left !== text && wordsOf(left).every((word) => !word);
}
