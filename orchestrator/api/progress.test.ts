import fc from 'fast-check';
import { expect, test } from 'vitest';
import { elapsedSeconds, etaSeconds, type RunClock, runProgress } from './progress.ts';

const running: RunClock = {
  state: 'running',
  stage: 'search',
  progress: 0,
  plannedTrials: 10,
  plannedUntilMs: null,
  startedAtMs: 1_000_000,
  finishedAtMs: null,
  pausedAtMs: null,
  pausedMs: 0,
};

test('the bar never leaves 0..1 and never falls while steps are done and trials appear', () => {
  const steps = fc.array(fc.record({ trials: fc.nat(3), steps: fc.nat(200) }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 20 }), (moves, plannedTrials) => {
      const each = 100;
      let trials = 1;
      let done = 0;
      let last = 0;
      for (const move of moves) {
        trials = Math.min(plannedTrials, trials + move.trials);
        done = Math.min(trials * each, done + move.steps);
        const now = runProgress({ ...running, plannedTrials }, { trials, steps: trials * each, done });
        expect(now).toBeGreaterThanOrEqual(last);
        expect(now).toBeLessThanOrEqual(1);
        last = now;
      }
    }),
  );
});

test('stages follow each other along the bar; only a completed run is at its end', () => {
  const at = (stage: RunClock['stage']): number => runProgress({ ...running, stage }, undefined);
  const bar = [at('queued'), at('analysis'), at('planning'), at('search'), at('ensemble')];
  expect(bar).toEqual(bar.toSorted((a, b) => a - b));
  expect(runProgress({ ...running, state: 'completed', stage: 'done' }, undefined)).toBe(1);
});

test('time left: the plan where it holds, else the speed; nothing while paused or over', () => {
  expect(etaSeconds({ ...running, plannedUntilMs: 1_090_000 }, 0.5, 1_030_000)).toBe(60);
  expect(etaSeconds(running, 0.25, 1_030_000)).toBe(90);
  expect(etaSeconds(running, 0.01, 1_030_000)).toBeNull();
  expect(etaSeconds({ ...running, state: 'paused' }, 0.5, 1_030_000)).toBeNull();
  expect(etaSeconds({ ...running, state: 'completed' }, 1, 1_030_000)).toBeNull();
});

test('elapsed counts from the start to the end or to now', () => {
  expect(elapsedSeconds({ ...running, startedAtMs: null }, 5)).toBe(0);
  expect(elapsedSeconds(running, 1_030_000)).toBe(30);
  expect(elapsedSeconds({ ...running, finishedAtMs: 1_010_000 }, 1_030_000)).toBe(10);
});
