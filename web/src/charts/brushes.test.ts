import { expect, test } from 'vitest';
import { brushed, brushesAsText, brushesOf } from './brushes.ts';

test('what is kept of the axes comes back from the address', () => {
  const brushes = { 'segresnet.learningRate': [0.25, 0.8], dice: [0.5, 1] } as const;
  expect(brushesAsText(brushes)).toBe('segresnet.learningRate~0.25~0.8,dice~0.5~1');
  expect(brushesOf(brushesAsText(brushes))).toEqual(brushes);
  expect(brushesOf('dice~x~1,~0~1,dice~0.9~0.1')).toEqual({ dice: [0.1, 0.9] });
  expect(brushesOf('')).toEqual({});
});

test('an axis that is kept whole is no filter', () => {
  expect(brushed({ dice: [0.5, 1] }, 'dice', [0, 1])).toEqual({});
  expect(brushed({}, 'dice', [0.7, -0.2])).toEqual({ dice: [0, 0.7] });
});
