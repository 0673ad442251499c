import assert from 'node:assert/strict';
import { test } from 'node:test';
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
