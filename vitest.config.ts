import { defineConfig } from 'vitest/config';

/** 0 but where CI says otherwise: a test that passes only when tried again is shown as such. */
const retry = Number(process.env['VOXHELM_TEST_RETRIES'] ?? 0);
const common = { pool: 'forks' as const, setupFiles: ['tests/setup.ts'], retry };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...common,
          name: 'unit',
          include: [
            '{contracts,imaging,search,nn,algorithms,ensembler,prisma,orchestrator,workers,infra,cli,web}/**/*.test.ts',
            'tests/*.test.ts',
          ],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      { test: { ...common, name: 'parity', include: ['tests/parity/**/*.test.ts'], testTimeout: 120_000 } },
      {
        test: {
          ...common,
          name: 'e2e',
          include: ['tests/e2e/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          ...common,
          name: 'faults',
          include: ['tests/faults/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          ...common,
          name: 'schedules',
          include: ['tests/schedules/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          ...common,
          name: 'web',
          include: ['tests/web/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
    maxWorkers: 2,
  },
});
