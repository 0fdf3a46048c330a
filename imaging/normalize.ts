import type { Normalization } from '@voxhelm/contracts/plan';
import { clipAndScale, linear, moments } from './transforms/intensity.ts';

/**
 * Brings one channel's intensities to the network's range, in place, by Auto3DSeg's and nnU-Net's rules
 * (../shared/reference/automl.md 1.6, 1.7, 6.3). A constant channel is only shifted (its deviation counts as 1).
 */
export function normalizeChannel(channel: Float32Array, normalization: Normalization): void {
  switch (normalization.mode) {
    case 'zscore-nonzero':
      standardize(channel, true);
      break;
    case 'range-sigmoid':
      rangeSigmoid(channel, normalization.lower, normalization.upper);
      break;
    case 'zscore':
      standardize(channel, false);
      break;
    case 'range-clip': {
      const { lower, upper } = normalization;
      clipAndScale(channel, lower, upper, lower, upper > lower ? upper - lower : 1);
      break;
    }
    case 'clip-zscore':
      clipAndScale(channel, normalization.lower, normalization.upper, normalization.mean, normalization.deviation);
      break;
    case 'shift-sigmoid':
      shiftSigmoid(channel);
      break;
    case 'none':
      break;
  }
}

/** (x - mean) / deviation of the channel; with `nonzero` over the values that are not 0, which stay. */
function standardize(channel: Float32Array, nonzero: boolean): void {
  const found = moments(channel, nonzero);
  if (found === null) return;
  const { mean, deviation } = found;
  const scale = deviation > 0 ? 1 / deviation : 1;
  linear(channel, scale, -mean * scale, nonzero);
}

function rangeSigmoid(channel: Float32Array, lower: number, upper: number): void {
  const scale = upper > lower ? 2 / (upper - lower) : 1;
  for (let i = 0; i < channel.length; i++) {
    channel[i] = 1 / (1 + Math.exp(1 - ((channel[i] as number) - lower) * scale));
  }
}

function shiftSigmoid(channel: Float32Array): void {
  const found = moments(channel, false);
  if (found === null) return;
  const scale = found.deviation > 0 ? 1 / found.deviation : 1;
  let low = Number.POSITIVE_INFINITY;
  for (let i = 0; i < channel.length; i++) low = Math.min(low, channel[i] as number);
  for (let i = 0; i < channel.length; i++) channel[i] = 1 / (1 + Math.exp(-((channel[i] as number) - low) * scale));
}
