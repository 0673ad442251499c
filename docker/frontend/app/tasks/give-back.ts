type Field = HTMLInputElement | HTMLTextAreaElement;

/** Puts what was not taken in front of what was written meanwhile; of two dates the later one stays. */
export function giveBack(field: Field, text: string) {
  if (field.type === 'date') field.value ||= text;
  else field.value = [text, field.value].filter(Boolean).join(' ');
}
