import type { Normalization } from '@voxhelm/contracts/plan';

/**
 * Brings one channel's intensities to the network's range, in place, by Auto3DSeg's and nnU-Net's rules
 * (../shared/reference/automl.md 1.6, 1.7, 6.3). A constant channel is only shifted (its deviation counts as 1).
 */
export function normalizeChannel(channel: Float32Array, normalization: Normalization): void {
  switch (normalization.mode) {
    case 'zscore-nonzero':
      zscoreNonzero(channel);
      break;
    case 'range-sigmoid':
      rangeSigmoid(channel, normalization.lower, normalization.upper);
      break;
    case 'zscore':
      zscore(channel);
      break;
    case 'range-clip': {
      const { lower, upper } = normalization;
      clipAndScale(channel, lower, upper, lower, upper > lower ? upper - lower : 1);
      break;
    }
    case 'clip-zscore':
      clipAndScale(channel, normalization.lower, normalization.upper, normalization.mean, normalization.deviation);
      break;
    case 'none':
      break;
  }
}

function zscoreNonzero(channel: Float32Array): void {
  let count = 0;
  let sum = 0;
  for (let i = 0; i < channel.length; i++) {
    const value = channel[i] as number;
    if (value === 0) continue;
    count += 1;
    sum += value;
  }
  if (count === 0) return;
  const mean = sum / count;
  let squares = 0;
  for (let i = 0; i < channel.length; i++) {
    const value = channel[i] as number;
    if (value !== 0) squares += (value - mean) * (value - mean);
  }
  const deviation = Math.sqrt(squares / count);
  const scale = deviation > 0 ? 1 / deviation : 1;
  for (let i = 0; i < channel.length; i++) {
    const value = channel[i] as number;
    if (value !== 0) channel[i] = (value - mean) * scale;
  }
}

function rangeSigmoid(channel: Float32Array, lower: number, upper: number): void {
  const scale = upper > lower ? 2 / (upper - lower) : 1;
  for (let i = 0; i < channel.length; i++) {
    channel[i] = 1 / (1 + Math.exp(1 - ((channel[i] as number) - lower) * scale));
  }
}

function zscore(channel: Float32Array): void {
  let sum = 0;
  for (let i = 0; i < channel.length; i++) sum += channel[i] as number;
  const mean = sum / Math.max(1, channel.length);
  let squares = 0;
  for (let i = 0; i < channel.length; i++) squares += ((channel[i] as number) - mean) ** 2;
  const deviation = Math.sqrt(squares / Math.max(1, channel.length));
  const scale = deviation > 0 ? 1 / deviation : 1;
  for (let i = 0; i < channel.length; i++) channel[i] = ((channel[i] as number) - mean) * scale;
}

/** (x cut to lower..upper - shift) / divisor. */
function clipAndScale(channel: Float32Array, lower: number, upper: number, shift: number, divisor: number): void {
  for (let i = 0; i < channel.length; i++) {
    channel[i] = (Math.min(upper, Math.max(lower, channel[i] as number)) - shift) / divisor;
  }
}
