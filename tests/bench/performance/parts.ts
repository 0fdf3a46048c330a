import { BENCH_NETWORKS, type BenchNetwork, type Row } from '../step/networks.ts';

/** One benchmark of the table: a name, and its command line. */
export interface Part {
  readonly name: string;
  readonly command: readonly string[];
  /** Takes `--anchor`. */
  readonly anchored: boolean;
}

/**
 * Of the first network by its patch alone, of the others by their label too. What the eager engine takes is shown once: it is
 * slow, and nobody trains with it.
 */
function stepPart({ label }: BenchNetwork, { patch, batch }: Row, network: number, row: number): Part {
  const shape = `${patch.join('x')}:${batch}`;
  const engines = network === 0 && row === 0 ? 'eager,compiled' : 'compiled';
  const of = ['--network', label, '--patch', patch.join('x'), '--batch', String(batch), '--engine', engines];
  return {
    name: `train-step:${network === 0 ? '' : `${label}:`}${shape}`,
    command: ['train-step', ...of],
    anchored: true,
  };
}

/** Everything that the table shows, in its order. */
export const PARTS: readonly Part[] = [
  ...BENCH_NETWORKS.flatMap((bench, network) => bench.rows.map((row, i) => stepPart(bench, row, network, i))),
  { name: 'start', command: ['start'], anchored: true },
  { name: 'predict:0', command: ['predict', '--flips', '0'], anchored: true },
  { name: 'predict:3', command: ['predict', '--flips', '3'], anchored: true },
  { name: 'analyze', command: ['analyze'], anchored: false },
  { name: 'overhead', command: ['overhead'], anchored: false },
];

/** A benchmark's lines as they were printed, and when. */
export interface PartResult {
  readonly date: string;
  /** Mean number of runnable processes in the minute before the end: more than the cores, and absolute times are stretched. */
  readonly load: number;
  readonly lines: readonly Line[];
}

/** A line that a benchmark printed. */
export type Line = Readonly<Record<string, unknown>>;
