import type { Line, PartResult } from './parts.ts';

/*
 * docs/performance.md's tables, from the benchmarks' lines. Pure.
 */

/** Results by part. */
export type Results = Readonly<Record<string, PartResult>>;

function lines(results: Results, part: string, name: string): readonly Line[] {
  return Object.entries(results)
    .filter(([key]) => key === part || key.startsWith(`${part}:`))
    .flatMap(([, result]) => result.lines.filter((line) => line['name'] === name));
}

function number(value: unknown, digits = 2): string {
  return typeof value === 'number' ? String(Number(value.toFixed(digits))) : '–';
}

function against(ratio: unknown, goal: number): string {
  if (typeof ratio !== 'number') return '–';
  return `**${number(ratio)}** ${ratio <= goal ? '✓' : '✗'}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** The measured network; lines of an earlier day have no label. */
function labelOf(line: Line): string {
  return typeof line['label'] === 'string' ? line['label'] : 'SegResNet 16';
}

/** Ratios to the anchor, beside their goals. */
function ratios(results: Results): string {
  const steps = lines(results, 'train-step', 'train-step-ratio').map((ratio) => {
    const { time, memory } = ratio['goals'] as { time: number; memory: number };
    const shape = `training step, ${labelOf(ratio)}, ${(ratio['patch'] as number[]).join('×')}, batch ${ratio['batch']}`;
    return [shape, against(ratio['time'], time), String(time), against(ratio['memory'], memory), String(memory)];
  });
  const starts = lines(results, 'start', 'start-ratio').map((ratio) => [
    'start: process start to first finished step',
    against(ratio['time'], 1),
    '1.0',
    '–',
    '–',
  ]);
  const predictions = lines(results, 'predict', 'predict-ratio').map((ratio) => {
    const flips = ratio['flips'] === 0 ? 'without flips' : `with ${ratio['flips']} flips`;
    return [`prediction, ${flips}`, against(ratio['time'], 0.6), '0.6', against(ratio['memory'], 0.6), '0.6'];
  });
  const head = ['ours / MONAI at its best', 'time', 'goal', 'peak memory', 'goal'];
  return table(head, [...steps, ...starts, ...predictions]);
}

function steps(results: Results): string {
  const head = [
    'network',
    'patch',
    'batch',
    'engine',
    'precision',
    'step ms',
    'forward',
    'backward',
    'optimiser',
    'peak MB',
  ];
  const rows = lines(results, 'train-step', 'train-step').map((line) => [
    labelOf(line),
    (line['patch'] as number[]).join('×'),
    String(line['batch']),
    line['engine'] === 'pytorch' ? 'MONAI' : String(line['engine']),
    `${line['precision']}${line['channelsLast'] === true ? ', channels last' : ''}`,
    ...['stepMs', 'forwardMs', 'backwardMs', 'optimizerMs', 'peakMb'].map((field) => number(line[field], 0)),
  ]);
  return table(head, rows);
}

function predictions(results: Results): string {
  const rows = lines(results, 'predict', 'predict').map((line) => [
    `${line['cases']} cases, ${line['flips']} flips`,
    `${line['engine'] === 'pytorch' ? 'MONAI' : 'Voxhelm'}, ${line['precision']}`,
    number(line['seconds']),
    number(line['voxelsPerSecond'], 0),
    number(line['peakMb'], 0),
  ]);
  return table(['prediction', 'by', 'seconds', 'voxels/s', 'peak MB'], rows);
}

function service(results: Results): string {
  const analyze = lines(results, 'analyze', 'analyze').map((line) => [
    `analyze, ${line['cases']} cases, start included`,
    `${number(line['casesPerSecond'], 0)} cases/s ${(line['casesPerSecond'] as number) >= 100 ? '✓' : '✗'}`,
    '100 cases/s',
    `peak ${number(line['peakMemoryMb'], 0)} MB`,
  ]);
  const overhead = lines(results, 'overhead', 'overhead').map((line) => [
    `orchestrator, ${line['trials']} trials that train nothing`,
    `${number(line['msPerTrial'], 0)} ms a trial ${(line['msPerTrial'] as number) < 150 ? '✓' : '✗'}`,
    '< 150 ms',
    `${number(line['cpuMsPerTrial'], 0)} ms of computing; longest history ${line['historyEvents']} events; memory at start, half, end ${(line['workerRssMb'] as number[]).join(', ')} MB`,
  ]);
  return table(['service', 'measured', 'goal', ''], [...analyze, ...overhead]);
}

/** One machine's section. `ratioOnly` results were measured under load. */
export function section(machine: string, cores: number, results: Results): string {
  const dates = Object.values(results).map(({ date }) => date.slice(0, 16).replace('T', ' '));
  const loads = Object.values(results).map(({ load }) => load);
  const busy = Math.max(...loads) > cores + 1;
  return [
    `Measured ${dates.sort()[0]} to ${dates.at(-1)} UTC on ${machine}. Load ${number(Math.min(...loads), 1)} to ${number(Math.max(...loads), 1)} on ${cores} cores${busy ? ': other work ran beside it, so absolute times are stretched and ratios count' : ''}. Medians of rounds; ✓ ✗ against the goal.`,
    ratios(results),
    steps(results),
    predictions(results),
    service(results),
  ].join('\n\n');
}

/** A document with the text between the markers of a device replaced. Throws where the markers are missing. */
export function withSection(document: string, device: string, text: string): string {
  const [begin, end] = [`<!-- ${device}: filled by npm run bench -- performance -->`, `<!-- end of ${device} -->`];
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/performance.md lacks the markers ${begin} and ${end}`);
  return `${document.slice(0, from + begin.length)}\n\n${text}\n\n${document.slice(to)}`;
}
