import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, openDatabase } from '@voxhelm/prisma/client';
import { migrate } from '@voxhelm/prisma/migrate';
import { startTestPostgres, type TestPostgres } from '@voxhelm/prisma/testing/postgres';
import { type ArtifactStore, folderStore } from '@voxhelm/storage/artifact-store';
import { type AppOptions, createApp } from '../app.ts';
import type { App } from '../services.ts';
import type { Workflows } from '../temporal.ts';

/** Workflows that only remember what they were told; `away` makes them reject as an unreachable Temporal does. */
export interface FakeWorkflows extends Workflows {
  readonly started: string[];
  readonly told: string[];
  /** Ids of workflows that do not go on. */
  readonly over: Set<string>;
  away: Error | null;
}

/** A Temporal that is not there, for tests of the API alone. */
export function fakeWorkflows(): FakeWorkflows {
  const note =
    (list: string[]) =>
    async (...words: string[]): Promise<void> => {
      if (fake.away !== null) throw fake.away;
      list.push(words.join(' '));
    };
  const fake: FakeWorkflows = {
    started: [],
    told: [],
    over: new Set(),
    away: null,
    startRun: (id) => note(fake.started)(id),
    startDataset: (id) => note(fake.started)(id),
    startPrediction: (id) => note(fake.started)(id),
    predictionFailure: async () => null,
    cancelPrediction: (id) => note(fake.told)('cancel', id),
    control: (id, control) => note(fake.told)(control, id),
    stopTrial: (id) => note(fake.told)('stop', id),
    syncSchedule: ({ id, paused, deleted }) =>
      note(fake.told)(deleted ? 'delete' : paused ? 'keep paused' : 'keep', id),
    triggerSchedule: (id) => note(fake.told)('trigger', id),
    backfillSchedule: (id) => note(fake.told)('backfill', id),
    describeSchedule: async () => null,
    startSuggestion: (id) => note(fake.started)(id),
    activity: async () => new Map(),
    isOpen: async (id) => !fake.over.has(id),
    trainers: async () => [],
    check: () => note([])(),
    close: async () => undefined,
  };
  return fake;
}

/** The API on a real database of its own, with fake workflows. */
export interface TestService {
  readonly app: App;
  readonly database: Database;
  readonly postgres: TestPostgres;
  readonly workflows: FakeWorkflows;
  readonly store: ArtifactStore;
  readonly home: string;
  /** A second API on the same database, for tests of what one process alone would hide. */
  another(options?: Partial<AppOptions>): Promise<App>;
  close(): Promise<void>;
}

/** Starts a {@link TestService}; close it in afterAll. */
export async function startTestService(): Promise<TestService> {
  const postgres = await startTestPostgres();
  await migrate(postgres.url);
  const home = await mkdtemp(join(tmpdir(), 'voxhelm-api-'));
  const artifacts = join(home, 'artifacts');
  const database = openDatabase(postgres.url, { connections: 8 });
  const workflows = fakeWorkflows();
  const store = folderStore(artifacts);
  const settings = { home, artifacts, apiKey: undefined };
  const apps: App[] = [];
  const another = async (options: Partial<AppOptions> = {}): Promise<App> => {
    const algorithms = ['segresnet', 'swinunetr'];
    const app = await createApp({ settings, database, store, workflows, algorithms, eventPollMs: 50, ...options });
    apps.push(app);
    return app;
  };
  const app = await another();
  return {
    app,
    database,
    postgres,
    workflows,
    store,
    home,
    another,
    async close() {
      await Promise.all(apps.map((each) => each.close()));
      await database.$disconnect();
      await postgres.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}
