/** A piece of a text; with `href` it is a link. */
export type Piece = { text: string; href?: string };

/** Only schemes that can do nothing but lead somewhere. */
const LINK = /\b(?:https?:\/\/|mailto:)[^\s<>"']+/gi;
/** What ends a sentence belongs to the sentence. */
const TRAILING = /[.,;:!?)\]}]+$/;

export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const href = match[0].replace(TRAILING, '');
    if (!URL.canParse(href)) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    found.push({ text: href, href });
    end = match.index + href.length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}
