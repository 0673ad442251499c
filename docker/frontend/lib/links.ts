/** A piece of a text; with `href` it is a link. */
export type Piece = { text: string; href?: string };

/**
 * Only schemes that can do nothing but lead somewhere. No link has invisible characters: some turn the
 * text around, so that it would show another address, and Unicode has more of them than those of format.
 */
const LINK = /\b(?:https?:\/\/|mailto:)[^\s<>"'\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]+/giu;
/** What ends a sentence or a quotation belongs to it. */
const TRAILING = '.,;:!?…)]}’”›»。，、；：！？）】」』';
/** A page has 50 tasks, each with notes of up to 10,000 characters; each link is an element of its own. */
const MOST = 50;
const OPENING: Record<string, string> = { ')': '(', ']': '[', '}': '{' };

export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let end = 0;
  let links = 0;
  for (const match of text.matchAll(LINK)) {
    const href = withoutTrailing(match[0]);
    if (!leads(href)) continue;
    if (links === MOST) break;
    links += 1;
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    found.push({ text: href, href });
    end = match.index + href.length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

/** Not without an address, nor with a name before the host, which is there to be taken for the host. */
function leads(link: string): boolean {
  if (!URL.canParse(link)) return false;
  const { host, pathname, username, password } = new URL(link);
  return Boolean(host || pathname) && !username && !password;
}

/** A closing bracket stays if its opening one is in the link, too: `https://x.example/Foo_(bar)`. */
function withoutTrailing(link: string): string {
  const open: string[] = [];
  let end = 0;
  for (let at = 0; at < link.length; at += 1) {
    const character = link.charAt(at);
    if ('([{'.includes(character)) open.push(character);
    const closes = open.length > 0 && OPENING[character] === open.at(-1);
    if (closes) open.pop();
    if (closes || !TRAILING.includes(character)) end = at + 1;
  }
  return link.slice(0, end);
}
