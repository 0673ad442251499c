import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { count, metricsText } from '../lib/metrics.ts';

test('the figures count requests, their time and refusals, by kind', () => {
  count('page', 200, 30);
  count('page', 200, 50);
  count('password', 503, 1);
  const text = metricsText();
  assert.match(text, /^taskflow_frontend_requests_total\{kind="page",status="200"\} 2$/m);
  assert.match(text, /^taskflow_frontend_request_seconds_total\{kind="page",status="200"\} 0.08$/m);
  assert.match(text, /^taskflow_frontend_refusals_total\{kind="password",status="503"\} 1$/m);
  assert.doesNotMatch(text, /refusals_total\{kind="page"/);
});

/** A page that explains a refusal, as a form's page does; then the figures. */
const program = `
  import { createServer } from 'node:http';
  import { metricsText } from './.test/lib/metrics.js';
  import { noteRefusal } from './.test/lib/request.js';
  import { serve } from './.test/lib/serving.js';
  serve();
  const server = createServer(async (request, response) => {
    await null;
    noteRefusal(429);
    response.end('Wait a moment.');
  });
  server.listen(0, '127.0.0.1', async () => {
    const page = 'http://127.0.0.1:' + server.address().port + '/sign-in';
    await (await fetch(page, { method: 'POST' })).text();
    process.stdout.write(metricsText());
    process.exit();
  });
`;

test('a refusal that a page explains counts as one, and the log has it', async () => {
  const run = promisify(execFile);
  const command = ['--input-type=module', '--eval', program];
  const env = { ...process.env, LOG_LEVEL: 'info', METRICS_PORT: '0' };
  const { stdout } = await run(process.execPath, command, { env });
  assert.match(stdout, /^taskflow_frontend_requests_total\{kind="password",status="200"\} 1$/m);
  assert.match(stdout, /^taskflow_frontend_refusals_total\{kind="password",status="429"\} 1$/m);
  assert.match(stdout, /"status":200,.*"refused":429/);
});
