'use strict';
/**
 * Fills the folder of `code-cache.cjs`, once, when the image is built: starts the server, asks it
 * for what a new pod is asked for first, and keeps V8's code for all that has run by then.
 */
const { once } = require('node:events');
const { writeFileSync } = require('node:fs');
const Module = require('node:module');
const { createServer } = require('node:net');
const { setTimeout: sleep } = require('node:timers/promises');
const { serialize } = require('node:v8');
const { FILE, digest, install, scriptOf } = require('./code-cache.cjs');

/** The page finds no database here, says so in the log and is shown as ever. */
const PAGES = ['/healthz', '/sign-in'];
const PATIENCE_MS = 60_000;
/** V8 of Node 20 forgets how to import when it takes a script from a cache. */
const IMPORTS = /\bimport\s*\(/;

const compiled = new Map();

function record(source, filename) {
  if (IMPORTS.test(source)) return undefined;
  try {
    const script = scriptOf(source, filename);
    compiled.set(filename, { source: digest(source), script });
    return script;
  } catch {
    // An ECMAScript module, or an error that Node tells better.
    return undefined;
  }
}

function save() {
  const entries = [...compiled].map(([filename, { source, script }]) => [
    filename,
    { source, code: script.createCachedData() },
  ]);
  const body = serialize(new Map(entries));
  writeFileSync(FILE, Buffer.concat([digest(body), body]));
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function visit(address) {
  const limit = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      const response = await fetch(address);
      await response.text();
      if (response.ok) return;
      throw new Error(`${address} answered ${response.status}`);
    } catch (error) {
      if (Date.now() > limit) throw error;
      await sleep(50);
    }
  }
}

async function main() {
  const port = await freePort();
  Object.assign(process.env, { PORT: String(port), HOSTNAME: '127.0.0.1' });
  // Node 22 and later write theirs when the process ends.
  const own = !Module.enableCompileCache;
  if (own) install(record);
  await import('./server.js');
  for (const page of PAGES) await visit(`http://127.0.0.1:${port}${page}`);
  if (own) save();
  process.exit(0);
}

main();
