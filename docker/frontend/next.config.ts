import type { NextConfig } from 'next';
import { MAX_BODY_BYTES } from './lib/guard.ts';

const securityHeaders = [
  { key: 'X-Content-Type-Options', value: 'nosniff' },
  { key: 'X-Frame-Options', value: 'DENY' },
  { key: 'Referrer-Policy', value: 'same-origin' },
  {
    key: 'Permissions-Policy',
    value: 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  },
];

// Traced, but not needed at run time: the image optimizer and the metrics of web fonts.
const unused = [
  'node_modules/sharp/**',
  'node_modules/@img/**',
  'node_modules/next/dist/server/capsize-font-metrics.json',
];

const config: NextConfig = {
  output: 'standalone',
  poweredByHeader: false,
  agentRules: false,
  // The root file system is read-only: nothing may want .next/cache.
  images: { unoptimized: true },
  // No page is prerendered, so there is nothing to keep in memory either.
  cacheMaxMemorySize: 0,
  outputFileTracingExcludes: { '**': unused },
  experimental: {
    // lib/guard.ts refuses what says that it is larger; these hold for bodies of unknown length.
    serverActions: { bodySizeLimit: MAX_BODY_BYTES },
    // Above the actions' limit, so that a body that is too large is refused rather than cut.
    proxyClientMaxBodySize: 2 * MAX_BODY_BYTES,
    // A fifth of the start's CPU, which a pod of 250m feels: each page is loaded when it is first asked for.
    preloadEntriesOnStart: false,
  },
  headers: async () => [{ source: '/:path*', headers: securityHeaders }],
};

export default config;
