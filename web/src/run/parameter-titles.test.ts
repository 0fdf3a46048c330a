import { expect, test } from 'vitest';
import { parameterTitles } from './parameter-titles.ts';

test('parameters of several algorithms never read alike', () => {
  const titles = parameterTitles(['algorithm', 'segresnet.learningRate', 'unet.learningRate', 'unet.weightDecay']);
  expect([...titles.values()]).toEqual([
    ...['algorithm', 'segresnet learningRate', 'unet learningRate', 'weightDecay'],
  ]);
});
