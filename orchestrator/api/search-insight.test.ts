import { SearchInsight } from '@voxhelm/contracts/insight';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestService, type TestService } from './testing/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

/** A run of whose trials the learning rate decides and the filters do not. */
async function runWithTrials(count: number): Promise<string> {
  const made = await service.app.inject({ method: 'POST', url: '/v1/runs', payload: { dataset: service.home } });
  const runId: string = made.json().id;
  const { database } = service;
  await database.study.create({
    data: {
      runId,
      space: {
        algorithm: {
          name: 'choice',
          options: [
            {
              segresnet: { rate: { name: 'uniform', low: 0, high: 1 }, filters: { name: 'choice', options: [8, 16] } },
            },
          ],
        },
      },
      settings: { sampler: 'auto', pruner: 'median' },
      firstPoints: [],
      seed: 3,
      schedule: { allocation: { searchTrials: 30 } },
    },
  });
  await database.trial.createMany({
    data: Array.from({ length: count }, (_, number) => {
      const rate = ((number * 7) % count) / count;
      const point = { algorithm: 'segresnet', 'segresnet.rate': rate, 'segresnet.filters': number % 2 === 0 ? 8 : 16 };
      const failed = number === 5;
      return {
        id: `trl_${runId}_${number}`,
        runId,
        number,
        kind: 'search',
        algorithm: 'segresnet',
        fold: 0,
        state: failed ? 'failed' : 'completed',
        reason: failed ? '=cmd, "quoted"' : null,
        point,
        steps: 100,
        step: 100,
        seed: number,
        bestDice: failed ? null : 0.9 - (rate - 0.4) ** 2,
        trainMs: 1000 * (number + 1),
        validationMs: 0,
        asked: { version: 1, source: 'gp', told: [[0, 1]], pending: [] },
      };
    }),
  });
  return runId;
}

test('a study tells its history, what mattered, its rungs and what Dice costs', async () => {
  const runId = await runWithTrials(30);
  const answer = await service.app.inject(`/v1/runs/${runId}/search`);
  expect(answer.statusCode).toBe(200);
  const insight = SearchInsight.parse(answer.json());
  expect(insight).toMatchObject({ sampler: 'auto', pruner: 'median', plannedTrials: 30 });
  const bests = insight.history.map(({ best }) => best ?? -1);
  expect(bests).toEqual(bests.toSorted((a, b) => a - b));
  expect(insight.history[5]).toMatchObject({ state: 'failed', value: null, source: 'gp' });
  expect(insight.importance[0]?.path).toBe('segresnet.rate');
  expect(insight.importance[0]?.importance).toBeGreaterThan(0.7);
  expect(insight.importance.reduce((sum, each) => sum + each.importance, 0)).toBeCloseTo(1, 9);
  for (const { low, importance, high } of insight.importance) {
    expect(low).toBeLessThanOrEqual(importance);
    expect(high).toBeGreaterThanOrEqual(importance);
  }
  expect(insight.rungs).toHaveLength(1);
  expect(insight.rungs[0]?.trials).toHaveLength(30);
  expect(insight.rungs[0]?.trials[0]?.number).toBe(insight.best?.number);
  const [time] = insight.pareto;
  expect(time?.front[0]).toBe(0);
  expect(time?.front).toContain(insight.best?.number);
  expect(time?.hypervolume).toBeGreaterThan(0.5);
});

test('trials come as JSON and as CSV that a spreadsheet reads as text', async () => {
  const runId = await runWithTrials(8);
  const json = await service.app.inject(`/v1/runs/${runId}/trials.json`);
  expect(json.json()).toHaveLength(8);
  const csv = await service.app.inject(`/v1/runs/${runId}/trials.csv`);
  expect(csv.headers['content-type']).toContain('text/csv');
  const lines = csv.body.split('\r\n');
  expect(lines).toHaveLength(10);
  // Counted as people count them, beside the API's number.
  expect(lines.slice(0, 3).map((line) => line.split(',').slice(0, 2))).toEqual([
    ['trial', 'number'],
    ['1', '0'],
    ['2', '1'],
  ]);
  expect(lines[0]).toMatch(/,reason,algorithm,segresnet\.filters,segresnet\.rate$/);
  expect(lines[6]).toContain('"\'=cmd, ""quoted"""');
});

test('a run without trials has an empty study; an unknown run is not found', async () => {
  const made = await service.app.inject({ method: 'POST', url: '/v1/runs', payload: { dataset: service.home } });
  const empty = await service.app.inject(`/v1/runs/${made.json().id}/search`);
  expect(SearchInsight.parse(empty.json())).toMatchObject({ history: [], importance: [], best: null, rungs: [] });
  expect((await service.app.inject('/v1/runs/run_none/search')).statusCode).toBe(404);
  expect((await service.app.inject('/v1/runs/run_none/trials.csv')).statusCode).toBe(404);
});
