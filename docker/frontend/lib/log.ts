import { format, stripVTControlCharacters } from 'node:util';
import { requests } from './request.ts';

const levels = ['debug', 'info', 'warn', 'error'] as const;
type Level = (typeof levels)[number];

/** The level asked for by LOG_LEVEL in any case; `info` when it is absent or unknown. */
function logLevel(): Level {
  const wanted = process.env.LOG_LEVEL?.toLowerCase();
  return levels.find((level) => level === wanted) ?? (wanted === 'warning' ? 'warn' : 'info');
}

function write(level: Level, message: string, fields?: Record<string, unknown>): void {
  if (levels.indexOf(level) >= levels.indexOf(logLevel())) writeLine(level, message, fields);
}

/** One JSON object on one line. Of an error only the message is kept. */
function writeLine(level: Level, message: string, fields: Record<string, unknown> = {}): void {
  const plain = Object.entries(fields).map(([key, value]) => [key, describe(value)]);
  const id = requests.getStore()?.id;
  const line = {
    time: new Date().toISOString(),
    level,
    message,
    ...(id && { request_id: id }),
    ...Object.fromEntries(plain),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function describe(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(describe);
  if (!(value instanceof Error)) return value;
  // Node reports a refused connection as an AggregateError with an empty message.
  const code = 'code' in value ? String(value.code) : value.name;
  const cause = value.cause instanceof Error ? `: ${String(describe(value.cause))}` : '';
  return `${value.message || code}${cause}`;
}

type Write = (message: string, fields?: Record<string, unknown>) => void;

export const log: Record<Level | 'audit', Write> = {
  debug: (message, fields) => write('debug', message, fields),
  info: (message, fields) => write('info', message, fields),
  warn: (message, fields) => write('warn', message, fields),
  error: (message, fields) => write('error', message, fields),
  /** Who did what is written at every LOG_LEVEL: nobody can write it later. */
  audit: (message, fields) => writeLine('info', message, fields),
};

/** What frameworks write to the console becomes a line like ours, without stack traces. */
export function logConsole(): void {
  const methods = {
    debug: 'debug',
    log: 'info',
    info: 'info',
    warn: 'warn',
    error: 'error',
  } as const;
  for (const [method, level] of Object.entries(methods)) {
    console[method as keyof typeof methods] = (...given: unknown[]) => {
      const text = format(
        ...given.map((value) => (value instanceof Error ? describe(value) : value)),
      );
      const [message = ''] = stripVTControlCharacters(text)
        .trim()
        .split(/\n\s+at /);
      if (message) write(level, message);
    };
  }
}
