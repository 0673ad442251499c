/** Characters that turn the text around them; one of them alone could end the isolation by `bdi`. */
const CONTROLS = /[\u202a-\u202e\u2066-\u2069]/g;

/** A title within a sentence, which keeps its own direction, whatever that of the title is. */
export function Title({ of }: { of: string }) {
  return <bdi>{of.replace(CONTROLS, '')}</bdi>;
}
