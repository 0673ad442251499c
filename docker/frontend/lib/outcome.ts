/** What a server action tells the form that called it. */
export type Outcome = { ok: true } | { ok: false; message: string };
