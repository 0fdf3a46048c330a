import { fmin } from 'hyperparameters/lib/hyperparameters.js';
import { expect, test } from 'vitest';
import { algorithmFor } from './fmin.ts';
import { hp } from './space.ts';

const space = { x: hp.uniform(-5, 5), kind: hp.choice([{ name: 'a', depth: hp.randint(3) }, { name: 'b' }]) };

test("the package's fmin minimises with our samplers, with objectives that throw and give NaN", async () => {
  const losses: number[] = [];
  const objective = ({ x, kind }: Record<string, unknown>) => {
    const { name, depth } = kind as { name: string; depth?: number };
    expect(name === 'a' ? depth : 0).toBeGreaterThanOrEqual(0);
    if (losses.length === 5) {
      losses.push(Number.NaN);
      throw new Error('lost');
    }
    if (losses.length === 9) {
      losses.push(Number.NaN);
      return { status: 'ok', loss: Number.NaN };
    }
    const loss = (Number(x) - 2) ** 2 + (name === 'a' ? 1 : 0);
    losses.push(loss);
    return loss;
  };
  const trials = await fmin(objective, space, algorithmFor('gp', { trials: 35 }), 35, { catchExceptions: true });
  expect(trials.dynamicTrials).toHaveLength(35);
  expect(Math.min(...losses.filter(Number.isFinite))).toBeLessThan(1e-3);
});
