import { readdir, readFile, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { log } from './log.ts';

/**
 * The files that pages name, of every build that may have pages open.
 *
 * While a release rolls out, a page of the one build asks pods of the other for its scripts, and a
 * tab may ask days later. So each pod stores its files in the database before it is ready, and looks
 * there for what it does not have itself. A file's name contains a hash of its content: what was
 * stored under a name once is right for ever.
 */
const PREFIX = '/_next/static/';
/** How Next names its files; to ask for anything else costs no query. */
const STORABLE = /^\/_next\/static\/[\w./~-]{1,200}$/;
const MAX_BYTES = 4 * 1024 * 1024;
const TYPES: Record<string, string> = {
  '.js': 'application/javascript; charset=UTF-8',
  '.css': 'text/css; charset=UTF-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** A database that is away says so sooner; then the pod is ready without. */
const READY_WITHIN_MS = 10_000;
/** On a very busy machine a query may time out once. */
const TRIES = 2;
const RETRY_MS = 1_000;
/** Its files are back this soon when the table was emptied or restored under a pod. */
const AGAIN_MS = 60_000;

/** What is stored costs a start one query. */
const STORED = `
  select path from page_file where path = any($1) and seen > now() - interval '7 days'`;
const STORE = `
  insert into page_file (path, content) values ($1, $2)
  on conflict (path) do update set seen = now()`;
/** At least two weeks after the build's last pod has left; nobody keeps a tab open for longer. */
const FORGET = `delete from page_file where seen < now() - interval '21 days'`;
const READ = 'select content from page_file where path = $1';

export class PageFiles {
  readonly #pool: Pool;
  readonly #folder: string;
  /** Paths of this build, with the files they are read from. */
  #own = new Map<string, string>();
  #failing = false;

  /** @param folder what the build has in `.next/static` */
  constructor(pool: Pool, folder: string) {
    this.#pool = pool;
    this.#folder = folder;
  }

  /** Keeps this build's files stored; settles when they are, or when a start should not wait longer. */
  async keep(): Promise<void> {
    const enough = sleep(READY_WITHIN_MS, undefined, { ref: false });
    await Promise.race([this.#keepStored(TRIES), enough]);
  }

  /** Answers a request for a file of another build; `next` gets everything else. */
  async answer(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    next: () => Promise<void>,
  ): Promise<void> {
    const content = this.#isElsewhere(request, path) ? await this.#read(path) : undefined;
    if (!content) return next();
    response.writeHead(200, {
      'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream',
      'Content-Length': content.length,
      'Cache-Control': 'public, max-age=31536000, immutable',
      'X-Content-Type-Options': 'nosniff',
    });
    response.end(request.method === 'HEAD' ? undefined : content);
  }

  async #keepStored(tries: number): Promise<void> {
    try {
      await this.#store();
      this.#failing = false;
    } catch (error) {
      const message = "This build's scripts are not stored yet: other pods cannot serve them";
      if (!this.#failing) log.warn(message, { error });
      this.#failing = true;
      if (tries > 1) {
        await sleep(RETRY_MS);
        return this.#keepStored(tries - 1);
      }
    }
    const pause = this.#failing ? RETRY_MS : AGAIN_MS;
    setTimeout(() => void this.#keepStored(1), pause).unref();
  }

  async #store(): Promise<void> {
    this.#own = await filesIn(this.#folder);
    const { rows } = await this.#pool.query<{ path: string }>(STORED, [[...this.#own.keys()]]);
    const stored = new Set(rows.map(({ path }) => path));
    for (const [path, file] of this.#own) {
      if (stored.has(path) || (await stat(file)).size > MAX_BYTES) continue;
      await this.#pool.query(STORE, [path, await readFile(file)]);
    }
    await this.#pool.query(FORGET);
  }

  #isElsewhere({ method }: IncomingMessage, path: string): boolean {
    return (method === 'GET' || method === 'HEAD') && STORABLE.test(path) && !this.#own.has(path);
  }

  async #read(path: string): Promise<Buffer | undefined> {
    try {
      const { rows } = await this.#pool.query<{ content: Buffer }>(READ, [path]);
      return rows[0]?.content;
    } catch (error) {
      log.warn('A script of another build could not be looked up', { error, path });
      return undefined;
    }
  }
}

async function filesIn(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return new Map(
    files.map(({ parentPath, name }) => {
      const file = join(parentPath, name);
      return [PREFIX + file.slice(folder.length + 1).replaceAll(sep, '/'), file];
    }),
  );
}
