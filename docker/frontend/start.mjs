/**
 * Starts Next's server with a log of JSON from its first line: Next announces itself on the console
 * before instrumentation.ts, which takes over then, is run.
 */
import { format, stripVTControlCharacters } from 'node:util';

for (const [method, level] of [
  ['log', 'info'],
  ['warn', 'warn'],
  ['error', 'error'],
]) {
  console[method] = (...given) => {
    const message = stripVTControlCharacters(format(...given)).trim();
    const line = { time: new Date().toISOString(), level, message };
    if (message) process.stdout.write(`${JSON.stringify(line)}\n`);
  };
}

await import('./server.js');
