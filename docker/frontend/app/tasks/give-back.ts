type Field = HTMLInputElement | HTMLTextAreaElement;

/** Puts what was not taken in front of what was written meanwhile. */
export function giveBack(field: Field, text: string) {
  field.value = [text, field.value].filter(Boolean).join(' ');
}
