import { readSettings } from '@voxhelm/contracts/settings';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { startTrainer } from './worker.ts';

describe('startTrainer', () => {
  it('says where it looked for Temporal and what to do when nobody answers', async () => {
    const settings = readSettings({ TEMPORAL_ADDRESS: '127.0.0.1:9', VOXHELM_HOME: '/nonexistent' });
    const trainer = startTrainer(settings, { logger: pino({ level: 'silent' }), connectForMs: 300 });
    await expect(trainer).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('127.0.0.1:9'),
      fix: expect.stringContaining('TEMPORAL_ADDRESS'),
    });
  });
});
