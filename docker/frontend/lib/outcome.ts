/** What a server action tells the form that called it. */
export type Outcome = { ok: true; message: string } | { ok: false; message: string };
