import type { hp as Language } from '@voxhelm/search/space';

/*
 * The configurations of the table of real trainings: two algorithms of ours, so small that each trains within seconds. A
 * full grid, so that a search over it meets nothing but trainings that were done.
 */

export const ALGORITHMS = ['segresnet', 'unet'] as const;
/** Half decades. */
export const LEARNING_RATES = [1e-4, 3.16e-4, 1e-3, 3.16e-3, 1e-2, 3.16e-2, 1e-1] as const;
export const FILTERS = { segresnet: [4, 6, 8], unet: [4, 6] } as const;
export const LEVELS = [2, 3] as const;
export const LOSSES = ['DiceCELoss', 'DiceFocalLoss', 'DiceLoss'] as const;

/** One configuration of the grid. */
export interface TableConfiguration {
  readonly algorithm: (typeof ALGORITHMS)[number];
  readonly learningRate: number;
  /** Channels at full resolution. */
  readonly filters: number;
  /** Resolutions that the network works at. */
  readonly levels: number;
  readonly loss: (typeof LOSSES)[number];
}

/** All 210 of them, in the order of the file. */
export function gridConfigurations(): TableConfiguration[] {
  return ALGORITHMS.flatMap((algorithm) =>
    FILTERS[algorithm].flatMap((filters) =>
      LEVELS.flatMap((levels) =>
        LOSSES.flatMap((loss) =>
          LEARNING_RATES.map((learningRate) => ({ algorithm, learningRate, filters, levels, loss })),
        ),
      ),
    ),
  );
}

/** The grid as a space whose first parameter is the algorithm, each with parameters of its own. */
export function tableSpace(hp: typeof Language): Record<string, unknown> {
  const own = (algorithm: (typeof ALGORITHMS)[number]) => ({
    learningRate: hp.choice([...LEARNING_RATES]),
    filters: hp.choice([...FILTERS[algorithm]]),
    levels: hp.choice([...LEVELS]),
    loss: hp.choice([...LOSSES]),
  });
  return { algorithm: hp.choice(ALGORITHMS.map((name) => ({ [name]: own(name) }))) };
}

/** The configuration that a point of {@link tableSpace} names. */
export function configurationAt(point: Record<string, unknown>): TableConfiguration {
  const [[algorithm, own] = []] = Object.entries(point['algorithm'] as Record<string, object>);
  return { algorithm, ...own } as TableConfiguration;
}

/** Names a configuration. */
export function configurationKey({ algorithm, learningRate, filters, levels, loss }: TableConfiguration): string {
  return [algorithm, learningRate, filters, levels, loss].join('/');
}
