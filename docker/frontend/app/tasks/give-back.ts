type Field = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

/** Puts what was not taken in front of what was written meanwhile; of two choices the later one stays. */
export function giveBack(field: Field, text: string) {
  if (field instanceof HTMLSelectElement) {
    const untouched = field.selectedOptions[0]?.defaultSelected;
    if (untouched) field.value = text;
  } else if (field.type === 'date') field.value ||= text;
  else field.value = [text, field.value].filter(Boolean).join(' ');
}
