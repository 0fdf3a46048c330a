import { dints } from '@voxhelm/algorithms/dints/plan';
import { CPU, HIPPOCAMPUS, planInput } from '@voxhelm/algorithms/planning-fixtures';
import { segresnet } from '@voxhelm/algorithms/segresnet/plan';
import { expect, test } from 'vitest';
import { drawingsOf } from './drawings.ts';

const input = planInput(HIPPOCAMPUS, { device: CPU });

test('found architectures are drawn, each once with its folds, and told apart from what the ensemble took', () => {
  const found = dints.plan(input);
  const [blocks, depths] = [4, 3];
  const other = {
    ...found,
    network: {
      ...found.network,
      options: { ...found.network.options, node_a: Array.from({ length: blocks + 1 }, () => Array(depths).fill(0)) },
    },
  };
  const trained = [
    { trialId: 'a', algorithm: 'segresnet', fold: 0, planContent: segresnet.plan(input) },
    { trialId: 'b', algorithm: 'dints', fold: 0, planContent: found },
    { trialId: 'c', algorithm: 'dints', fold: 1, planContent: found },
    { trialId: 'd', algorithm: 'dints', fold: 0, planContent: other },
  ];
  const drawings = drawingsOf(trained, [{ trialId: 'a' }, { trialId: 'c' }]);
  expect(drawings.map(({ title }) => title)).toEqual([
    'DiNTS, folds 0, 1: in the ensemble',
    'DiNTS, fold 0: tried, not in the ensemble',
  ]);
  // Black or white circles would vanish on one of the report's two papers.
  for (const { svg } of drawings) expect(svg).not.toMatch(/#fff|#20242b/);
});
