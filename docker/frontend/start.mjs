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

// Node itself would write them as errors, and as plain text if one comes before this file: the image
// sets --no-warnings.
process.on('warning', (warning) => console.warn(String(warning)));

await import('./server.js');
