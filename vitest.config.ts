import { defineConfig } from 'vitest/config';
import { CountReporter } from './scripts/reporter.ts';

const ROOMS = '{src,spec,conformance,corpus,scripts}';
const E2E = `${ROOMS}/**/*.e2e.test.ts`;
const BROWSERS = 'conformance/player/**/*.e2e.test.ts';
/** Tests start many servers for a few requests each: none of them practises. */
const SERVERS = { ISOMER_WARM_UP_MS: '0' };

export default defineConfig({
  test: {
    allowOnly: process.env['CI'] === undefined,
    reporters: ['default', new CountReporter()],
    coverage: { provider: 'v8', include: ['src/**/*.ts', 'conformance/**/*.ts'], exclude: ['**/*.test.ts'] },
    projects: [
      {
        test: {
          name: 'unit',
          include: [`${ROOMS}/**/*.test.ts`],
          exclude: [E2E, '**/node_modules/**', 'corpus/.assets/**'],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'e2e',
          env: SERVERS,
          include: [E2E],
          exclude: [BROWSERS, '**/node_modules/**', 'corpus/.assets/**'],
          globalSetup: ['./scripts/e2e-setup.ts'],
          // Browsers and decoders want the whole machine: one file at a time, and of tests that may run together two.
          fileParallelism: false,
          maxConcurrency: 2,
          testTimeout: 120_000,
          hookTimeout: 180_000,
          // The corpus is built once and servers are cheap; unit tests go first so that a broken base shows early.
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'browsers',
          env: SERVERS,
          include: [BROWSERS],
          globalSetup: ['./scripts/e2e-setup.ts'],
          fileParallelism: false,
          // A browser that was starved of time says so by failing; what fails five times is a fault. Retries are listed.
          retry: 4,
          testTimeout: 120_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
