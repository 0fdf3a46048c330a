import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TrainResult } from '@voxhelm/contracts/jobs';
import { type ArtifactStore, folderStore } from '@voxhelm/storage/artifact-store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeJob } from '../fixtures/jobs.ts';
import { openTrialFiles } from './checkpoints.ts';

const job = fakeJob('a');
const bytes = (text: string): Uint8Array => Buffer.from(text);
const NOTHING_LEFT = { unsent: [], stopped: null };
const RESULT: TrainResult = {
  outcome: 'completed',
  reason: null,
  step: 3,
  bestStep: 2,
  bestDice: 0.5,
  diceByClass: { '1': 0.5 },
  best: null,
  last: null,
  predictions: null,
  trainMs: 1,
  stepMs: 1,
  validationMs: 1,
};

describe("a trial's files", () => {
  let root: string;
  let store: ArtifactStore;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'voxhelm-files-'));
    store = folderStore(root);
  });
  afterEach(() => rm(root, { recursive: true }));

  /** Two checkpoints, a best one known to both, one unsent point. */
  async function leaveCheckpoints(): Promise<void> {
    const files = openTrialFiles(store, job);
    await files.saveBest(bytes('best1'), 1, 0.5);
    await files.saveLast(bytes('last1'), 1, NOTHING_LEFT);
    await files.saveLast(bytes('last2'), 2, NOTHING_LEFT);
    await files.saveLast(bytes('last3'), 3, {
      unsent: [{ series: 'loss', step: 3, value: 1 }],
      stopped: null,
    });
  }

  it('gives nothing where nothing was left', async () => {
    expect(await openTrialFiles(store, job).restore()).toEqual({ from: null, unsent: [] });
  });

  it('goes on from the newest checkpoint with its best one and the points not yet sent', async () => {
    await leaveCheckpoints();
    const files = openTrialFiles(store, job);
    const { from, unsent } = await files.restore();
    expect(from?.step).toBe(3);
    expect(Buffer.from(from?.bytes ?? []).toString()).toBe('last3');
    expect(unsent).toEqual([{ series: 'loss', step: 3, value: 1 }]);
    expect(files.events).toEqual([]);
    expect(files.best()).toMatchObject({ step: 1, dice: 0.5 });
  });

  it('keeps two checkpoints and the best ones they name, no more', async () => {
    await leaveCheckpoints();
    const files = openTrialFiles(store, job);
    await files.restore();
    await files.saveBest(bytes('best4'), 4, 0.6);
    await files.saveLast(bytes('last4'), 4, NOTHING_LEFT);
    const names = (await readdir(join(root, job.artifactPrefix))).sort();
    expect(names).toEqual([
      'best-00000001.safetensors',
      'best-00000004.safetensors',
      'last-00000003.safetensors',
      'last-00000004.safetensors',
      'last.json',
    ]);
    await files.saveLast(bytes('last5'), 5, NOTHING_LEFT);
    expect(await readdir(join(root, job.artifactPrefix))).not.toContain('best-00000001.safetensors');
  });

  it('passes over a damaged checkpoint to the one before it, and says so', async () => {
    await leaveCheckpoints();
    await writeFile(join(root, job.artifactPrefix, 'last-00000003.safetensors'), 'damaged');
    const files = openTrialFiles(store, job);
    const { from } = await files.restore();
    expect(from?.step).toBe(2);
    expect(files.events).toEqual([expect.stringContaining('checkpoint of step 3 is ignored')]);
    await files.saveLast(bytes('again'), 3, NOTHING_LEFT);
    expect((await openTrialFiles(store, job).restore()).from?.step).toBe(3);
  });

  it('begins anew where no checkpoint or pointer can be used, and says why', async () => {
    await leaveCheckpoints();
    for (const step of ['2', '3']) {
      await rm(join(root, job.artifactPrefix, `last-0000000${step}.safetensors`));
    }
    const lost = openTrialFiles(store, job);
    expect((await lost.restore()).from).toBeNull();
    expect(lost.events).toHaveLength(2);
    await writeFile(join(root, job.artifactPrefix, 'last.json'), '{"schemaVersion": 1');
    await writeFile(join(root, job.artifactPrefix, 'result.json'), '{}');
    const damaged = openTrialFiles(store, job);
    expect(await damaged.finished()).toBeNull();
    expect((await damaged.restore()).from).toBeNull();
    expect(damaged.events).toEqual([expect.stringContaining('result.json'), expect.stringContaining('last.json')]);
  });

  it('takes neither checkpoint nor result of another plan', async () => {
    await leaveCheckpoints();
    await openTrialFiles(store, job).finish(RESULT);
    const other = openTrialFiles(store, { ...job, plan: { ...job.plan, sha256: 'f'.repeat(64) } });
    expect(await other.finished()).toBeNull();
    expect((await other.restore()).from).toBeNull();
    expect(other.events).toEqual([expect.stringContaining('another plan')]);
    expect(await openTrialFiles(store, { ...job, lease: 9 }).finished()).toEqual(RESULT);
  });
});
