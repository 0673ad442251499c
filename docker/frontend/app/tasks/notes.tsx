import { pieces } from '@/lib/links.ts';

const FOLDED_CHARACTERS = 280;
const FOLDED_LINES = 5;
const EXCERPT_CHARACTERS = 120;

/** Notes with their links; long ones are folded, also without scripts. */
export function Notes({ text }: { text: string }) {
  const isLong = text.length > FOLDED_CHARACTERS || text.split('\n').length > FOLDED_LINES;
  const whole = (
    <p className="task-notes" dir="auto">
      <Linked text={text} />
    </p>
  );
  if (!isLong) return whole;
  const [line = ''] = text.split('\n', 1);
  return (
    <details className="task-notes">
      <summary dir="auto">
        <span className="folded">{line.slice(0, EXCERPT_CHARACTERS).toWellFormed()}… Show all</span>
        <span className="unfolded">Show less</span>
      </summary>
      {whole}
    </details>
  );
}

function Linked({ text }: { text: string }) {
  return pieces(text).map(({ text: piece, href }, index) =>
    href ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: pieces of one text, which never move.
      <a key={index} href={href} target="_blank" rel="noopener noreferrer nofollow">
        {piece}
      </a>
    ) : (
      piece
    ),
  );
}
