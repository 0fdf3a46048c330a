import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Saves } from './patience.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

/** Saves as if it took so long. */
const saving = (ms: number) => async () => void vi.advanceTimersByTime(ms);

/** Does a step of so long; true where its state must be saved. */
function step(saves: Saves, ms: number): boolean {
  vi.advanceTimersByTime(ms);
  return saves.afterStep(ms);
}

test('a stop in a long step loses about a minute: the state is saved so often, where steps are long alone', async () => {
  const saves = new Saves(7);
  expect(saves.mayAbandon).toBe(true); // The first step is prepared.
  expect(step(saves, 20_000)).toBe(false);
  expect(step(saves, 20_000)).toBe(false);
  expect(step(saves, 20_000)).toBe(true);
  await saves.save(10, saving(1_000));
  expect(saves).toMatchObject({ step: 10, mayAbandon: true });
  expect(step(saves, 59_000)).toBe(false);
  for (let count = 0; count < 1_000; count++) expect(step(saves, 100)).toBe(false);
  expect(saves.mayAbandon).toBe(false);
});

test('saving takes a twentieth of the time at most', async () => {
  const saves = new Saves(0);
  await saves.save(1, saving(10_000));
  for (let count = 1; count < 10; count++) expect(step(saves, 20_000)).toBe(false);
  expect(step(saves, 20_000)).toBe(true);
});
