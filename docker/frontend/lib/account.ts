/** What an account is made of; the form says it before it is sent. */
export const NAME_MAX = 100;
export const PASSWORD_MIN = 8;
export const PASSWORD_MAX = 128;

/** The first that anybody tries, of those that are long enough. */
const COMMON = new Set(
  `00000000 11111111 12341234 12345678 123456789 1234567890 0123456789 87654321 88888888 987654321
  1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qazxsw2 zaq12wsx q1w2e3r4 a1b2c3d4 aa123456 abc12345 abcd1234
  abcdefgh abcdefghi access14 admin123 administrator adminadmin asdfasdf asdfghjk asdfghjkl
  baseball basketball benjamin changeme charlie1 chelsea1 chocolate computer corvette dragon123
  elizabeth football football1 geheim123 iloveyou iloveyou1 internet jennifer jonathan jordan23
  letmein1 letmein123 liverpool liverpool1 maverick mercedes michelle midnight monkey123
  mustang1 passw0rd password password! password1 password12 password123 password1234 p@ssw0rd
  p@ssword princess princess1 qwer1234 qwertyui qwertyuiop qwerty12 qwerty123 qwerty1234
  samantha secret123 slipknot starwars sunshine sunshine1 superman superman1 taskflow taskflow1
  test1234 testtest trustno1 victoria welcome1 welcome123 whatever william1 zxcvbnm1 zxcvbnm123`.split(
    /\s+/,
  ),
);

/** Whether a password is among the first guesses: a common one, or the person's own address or name. */
export function isEasilyGuessed(password: string, email: string, name = ''): boolean {
  const guess = password.toLowerCase();
  const address = email.trim().toLowerCase();
  return (
    COMMON.has(guess) ||
    [address, address.split('@')[0], address.split('@')[1], name.trim().toLowerCase()].includes(
      guess,
    )
  );
}
