import type { Plan } from '@voxhelm/contracts/plan';
import { type Architecture, CELL_OPERATIONS, edgesOf, livePartsOf } from './topology.ts';

/*
 * The architecture as a picture: depths from top (finest) to bottom, blocks from left to right, a line for each cell.
 */

const COLUMN = 96;
const ROW = 56;
const MARGIN = 34;
/** One colour an operation, in the order of the codes: readable on white, apart for colour-blind readers (Okabe and Ito). */
const COLOURS = ['#8a8f98', '#0072b2', '#009e73', '#d55e00', '#cc79a7'] as const;

const HOW_TO_READ =
  'A row is a resolution, a line a cell with its operation, a column of circles what a block leaves. Dashed: reaches no output';

function isArchitecture(options: Readonly<Record<string, unknown>>): boolean {
  return ['arch_code_a', 'arch_code_c', 'node_a'].every((name) => Array.isArray(options[name]));
}

function line(from: readonly [number, number], to: readonly [number, number], code: number, live: boolean): string {
  const colour = COLOURS[code] ?? COLOURS[0];
  const look = live ? 'stroke-width="2.5"' : 'stroke-width="1.5" stroke-dasharray="3 4" opacity="0.45"';
  const [[x1, y1], [x2, y2]] = [from, to];
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${colour}" ${look}><title>${CELL_OPERATIONS[code] ?? ''}</title></line>`;
}

/** A plan's architecture as an SVG element, or null where the plan has none. */
export function drawArchitecture(plan: Plan): { readonly svg: string; readonly caption: string } | null {
  const { options } = plan.network;
  if (!isArchitecture(options)) return null;
  const architecture = options as unknown as Architecture;
  const { arch_code_a: paths, arch_code_c: codes, node_a: nodes } = architecture;
  const depths = nodes[0]?.length ?? 0;
  const live = livePartsOf(architecture, depths);
  const at = (column: number, depth: number): [number, number] => [MARGIN + 30 + column * COLUMN, MARGIN + depth * ROW];
  const first = options['use_downsample'] === false ? 1 : 2;
  const cells = paths.flatMap((block, b) =>
    edgesOf(depths).flatMap(({ from, to }, e) => {
      if (block[e] !== 1) return [];
      const isLive = typeof live !== 'string' && live.cells[b]?.[e] === true;
      return [line(at(b, from), at(b + 1, to), codes[b]?.[e] ?? 0, isLive)];
    }),
  );
  const circles = nodes.flatMap((column, c) =>
    column.map((used, depth) => {
      const [x, y] = at(c, depth);
      const inside = used === 1 ? 'currentColor' : 'none';
      return `<circle cx="${x}" cy="${y}" r="7" fill="${inside}" stroke="currentColor" stroke-width="1.5"/>`;
    }),
  );
  const rowLabels = Array.from({ length: depths }, (_, depth) => {
    const [, y] = at(0, depth);
    const scale = first * 2 ** depth;
    return `<text x="4" y="${y + 4}" font-size="12" fill="currentColor">${scale === 1 ? '1' : `1/${scale}`}</text>`;
  });
  const bottom = MARGIN + depths * ROW;
  const ends = [
    ['image', 0, 'start'],
    ['classes', paths.length, 'end'],
  ] as const;
  const endLabels = ends.map(([name, column, anchor]) => {
    const [x] = at(column, 0);
    const shift = anchor === 'start' ? -7 : 7;
    return `<text x="${x + shift}" y="${MARGIN - 18}" font-size="12" fill="currentColor" text-anchor="${anchor}">${name}</text>`;
  });
  const legend = CELL_OPERATIONS.map((name, code) => {
    const x = MARGIN + code * 82;
    return `<line x1="${x}" y1="${bottom}" x2="${x + 22}" y2="${bottom}" stroke="${COLOURS[code]}" stroke-width="3"/><text x="${x + 28}" y="${bottom + 4}" font-size="12" fill="currentColor">${name}</text>`;
  });
  const parts = [...cells, ...circles, ...rowLabels, ...endLabels, ...legend].join('');
  const width = Math.max(2 * MARGIN + 30 + paths.length * COLUMN, MARGIN + 82 * CELL_OPERATIONS.length);
  return {
    // Never larger than drawn: text stays as large as the page's.
    svg: `<svg viewBox="0 0 ${width} ${bottom + 20}" role="img" aria-label="Architecture of the network" style="max-width:${width}px;width:100%">${parts}</svg>`,
    caption: [plan.reasons['network.options.arch_code_a'], HOW_TO_READ].filter(Boolean).join('. '),
  };
}
