import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { count, metricsText } from '../lib/metrics.ts';

test('the figures count requests, their time, refusals and outages, by kind', () => {
  count('page', 200, 30);
  count('page', 200, 50);
  count('password', 503, 1);
  count('page', 200, 20, undefined, 'backend');
  const text = metricsText();
  assert.match(text, /^taskflow_frontend_requests_total\{kind="page",status="200"\} 3$/m);
  assert.match(text, /^taskflow_frontend_request_seconds_total\{kind="page",status="200"\} 0.1$/m);
  assert.match(text, /^taskflow_frontend_refusals_total\{kind="password",status="503"\} 1$/m);
  assert.doesNotMatch(text, /refusals_total\{kind="page"/);
  assert.match(text, /^taskflow_frontend_outages_total\{away="backend"\} 1$/m);
  assert.match(text, /^taskflow_frontend_outages_total\{away="database"\} 0$/m);
});

/** A page that explains why a form was not handled; it is sent to, then the figures are printed. */
const program = (explained: string, headers: object) => `
  import { createServer } from 'node:http';
  import { metricsText } from './.test/lib/metrics.js';
  import { noteAway, noteOutage, noteRefusal } from './.test/lib/request.js';
  import { serve } from './.test/lib/serving.js';
  serve();
  const server = createServer(async (request, response) => {
    await null;
    ${explained};
    response.end('Wait a moment.');
  });
  server.listen(0, '127.0.0.1', async () => {
    const page = 'http://127.0.0.1:' + server.address().port + '/sign-in';
    const headers = ${JSON.stringify(headers)};
    const answer = await fetch(page, { method: 'POST', headers });
    await answer.text();
    console.log('Retry-After: ' + answer.headers.get('retry-after'));
    process.stdout.write(metricsText());
    process.exit();
  });
`;

async function sent(explained: string, headers: object): Promise<string> {
  const run = promisify(execFile);
  const command = ['--input-type=module', '--eval', program(explained, headers)];
  const env = {
    ...process.env,
    LOG_LEVEL: 'info',
    METRICS_PORT: '0',
    BACKEND_URL: 'http://127.0.0.1:1',
    BETTER_AUTH_SECRET: 'a-secret-for-tests-only-9f8e7d6c5b4a',
  };
  return (await run(process.execPath, command, { env })).stdout;
}

const byScript = { 'Next-Action': '0' };

test('a refusal that a page explains counts as one, and the log has it', async () => {
  const stdout = await sent('noteRefusal(429, 9)', byScript);
  assert.match(stdout, /^taskflow_frontend_requests_total\{kind="password",status="200"\} 1$/m);
  assert.match(stdout, /^taskflow_frontend_refusals_total\{kind="password",status="429"\} 1$/m);
  assert.match(stdout, /"status":200,.*"refused":429/);
});

test('a form that a browser sends itself is answered with the status of its refusal, and when to try again', async () => {
  const stdout = await sent('noteRefusal(429, 9)', {});
  assert.match(stdout, /^taskflow_frontend_requests_total\{kind="password",status="429"\} 1$/m);
  assert.match(stdout, /Retry-After: 9\b/);
  assert.match(stdout, /^taskflow_frontend_refusals_total\{kind="password",status="429"\} 1$/m);
});

test('an outage is the status of a form, but no refusal: more pods would not help', async () => {
  const stdout = await sent('noteOutage("database")', {});
  assert.match(stdout, /^taskflow_frontend_requests_total\{kind="password",status="503"\} 1$/m);
  assert.match(stdout, /Retry-After: 5\b/);
  assert.doesNotMatch(stdout, /refusals_total\{/);
  assert.match(stdout, /^taskflow_frontend_outages_total\{away="database"\} 1$/m);
  const ofScript = await sent('noteOutage("database")', byScript);
  assert.match(ofScript, /^taskflow_frontend_requests_total\{kind="password",status="200"\} 1$/m);
});

test('a form that was handled keeps its status where its page cannot be filled', async () => {
  const stdout = await sent('noteAway("backend")', {});
  assert.match(stdout, /^taskflow_frontend_requests_total\{kind="password",status="200"\} 1$/m);
  assert.match(stdout, /^taskflow_frontend_outages_total\{away="backend"\} 1$/m);
});

test('a page whose tasks cannot be read counts as an outage', async () => {
  // Next resolves server-only while it builds.
  const stub = '.test/node_modules/server-only';
  await mkdir(stub, { recursive: true });
  await writeFile(`${stub}/index.js`, '');
  const stdout = await sent(
    "const { backend } = await import('./.test/lib/backend.js'); await backend('ada').assistant()",
    byScript,
  );
  assert.match(stdout, /^taskflow_frontend_outages_total\{away="backend"\} 1$/m);
});
