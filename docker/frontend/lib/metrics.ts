import { createServer, type Server } from 'node:http';
import { log } from './log.ts';
import type { Away } from './request.ts';

/** A port of its own, without a Service or Ingress: only the cluster's Prometheus asks. */
const DEFAULT_PORT = 9464;

type Sum = { requests: number; ms: number };
/** `kind status`, as in places.ts: few, whatever clients send. */
const sums = new Map<string, Sum>();
const refusals = new Map<string, number>();
/** From the start: Prometheus sees no increase of a series that appears with its first value. */
const outages: Record<Away, number> = { backend: 0, database: 0 };

/** `refused`: the status of a refusal that a page explains, whose own is 200. */
export function count(
  kind: string,
  status: number,
  ms: number,
  refused = status,
  away?: Away,
): void {
  const key = `kind="${kind}",status="${status}"`;
  const sum = sums.get(key) ?? { requests: 0, ms: 0 };
  sums.set(key, { requests: sum.requests + 1, ms: sum.ms + ms });
  // An outage is no refusal of ours: more pods would not help.
  if (away) {
    outages[away] += 1;
    return;
  }
  if (refused !== 429 && refused !== 503) return;
  const refusal = `kind="${kind}",status="${refused}"`;
  refusals.set(refusal, (refusals.get(refusal) ?? 0) + 1);
}

/** https://prometheus.io/docs/instrumenting/exposition_formats/ */
export function metricsText(): string {
  const { user, system } = process.cpuUsage();
  const own = [...sums];
  const families: [name: string, type: string, help: string, samples: [string, number][]][] = [
    [
      'taskflow_frontend_requests_total',
      'counter',
      'Requests by kind and status; 499 means that the client left.',
      own.map(([key, { requests }]) => [`{${key}}`, requests]),
    ],
    [
      'taskflow_frontend_request_seconds_total',
      'counter',
      'Time until the response was sent; of pages: to render them.',
      own.map(([key, { ms }]) => [`{${key}}`, ms / 1000]),
    ],
    [
      'taskflow_frontend_refusals_total',
      'counter',
      'Requests that were refused for now and asked to come back later.',
      [...refusals].map(([key, requests]) => [`{${key}}`, requests]),
    ],
    [
      'taskflow_frontend_outages_total',
      'counter',
      'Requests that needed the backend or the database and did not reach it.',
      Object.entries(outages).map(([away, requests]) => [`{away="${away}"}`, requests]),
    ],
    ['process_cpu_seconds_total', 'counter', 'CPU time.', [['', (user + system) / 1e6]]],
    ['process_resident_memory_bytes', 'gauge', 'Memory.', [['', process.memoryUsage.rss()]]],
  ];
  return families
    .map(([name, type, help, samples]) =>
      [
        `# HELP ${name} ${help}`,
        `# TYPE ${name} ${type}`,
        ...samples.map(([labels, value]) => `${name}${labels} ${value}`),
        '',
      ].join('\n'),
    )
    .join('');
}

export function serveMetrics(): Server {
  const server = createServer((request, response) => {
    const found = request.method === 'GET' && request.url === '/metrics';
    response.writeHead(found ? 200 : 404, { 'Content-Type': 'text/plain; version=0.0.4' });
    response.end(found ? metricsText() : '');
  });
  // A second server on one machine goes without.
  server.on('error', (error) => log.warn('There are no metrics', { error }));
  return server.listen(Number(process.env.METRICS_PORT ?? DEFAULT_PORT)).unref();
}
