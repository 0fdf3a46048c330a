import { useSyncExternalStore } from 'react';
import type { MetricStore } from '../api/metric-store.ts';

/** The store's version, so that whoever reads curves is drawn again when points came. */
export function useMetricsVersion(metrics: MetricStore): number {
  return useSyncExternalStore(metrics.subscribe, () => metrics.version);
}
