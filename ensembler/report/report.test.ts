import { inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { curveChart, niceTicks } from './curves.ts';
import { escapeText, html } from './html.ts';
import { overlayPicture } from './overlays.ts';
import { type ReportContent, reportPage } from './page.ts';
import { encodePng } from './png.ts';

const EVIL = `<script>alert(1)</script>"'&<img src=x onerror=alert(2)>`;

/** A report in which every string that comes from outside is `text`. */
function content(text: string): ReportContent {
  const classes = { '1': { dice: 0.9, iou: 0.8, hdMm: 2, hd95Mm: 1, assdMm: 0.4, surfaceDice: 0.97 } };
  const scores = { case: text, classes, dice: 0.9 };
  const fusion = { mode: 'mean' as const, flips: [[0]], largestComponent: [1] };
  const chosen = {
    rule: 'best-per-fold' as const,
    n: 1,
    fusion,
    trialIds: [text],
    validationDice: 0.88,
    validationCases: 5,
  };
  return {
    run: {
      runId: text,
      name: text,
      datasetName: text,
      trials: [
        {
          trialId: text,
          number: 3,
          kind: 'search',
          algorithm: text,
          fold: 0,
          state: text,
          steps: 100,
          bestDice: 0.88,
          diceByClass: { '1': 0.88 },
          point: { algorithm: text, [`${text}.rate`]: text },
          curves: {
            loss: [
              [0, 1],
              [50, 0.4],
              [100, 0.2],
            ],
            dice: [[100, 0.88]],
          },
        },
      ],
    },
    createdAt: text,
    labels: [
      { value: 0, name: 'background' },
      { value: 1, name: text },
    ],
    drawings: [{ title: text, svg: '<svg></svg>', caption: text }],
    members: [{ trialId: text, algorithm: text, fold: 0, step: 100, validationDice: 0.88 }],
    plan: { schemaVersion: 1, chosen, candidates: [chosen] },
    test: { toleranceMm: 1, cases: [scores], mean: { ...classes['1'], classes }, worst: { case: text, dice: 0.9 } },
    overlays: [{ caption: text, caseId: text, dice: 0.9, dataUri: 'data:image/png;base64,AA==' }],
    datasetFingerprint: text,
    seed: 7,
  };
}

/** All tags of a page, without their attributes. */
function tags(page: string): string[] {
  return [...page.replace(/<style>[^]*?<\/style>/, '').matchAll(/<[^>]*>/g)].map(([tag]) => tag.split(/[\s>]/)[0]!);
}

describe('report.html', () => {
  test('markup in any name stays text: the page has the same tags as with a plain name', () => {
    const evil = reportPage(content(EVIL));
    expect(tags(evil)).toEqual(tags(reportPage(content('plain'))));
    expect(evil).not.toContain('<script');
    expect(evil).not.toContain('<img src=x');
    expect(evil).toContain(escapeText(EVIL));
  });

  test('needs nothing from outside', () => {
    const page = reportPage(content('plain'));
    expect(page).not.toMatch(/(?:src|href)="(?!data:)/);
    expect(page).not.toMatch(/url\(|@import|https?:/);
  });

  test('says the scores, the members, the trials and the choice', () => {
    const page = reportPage(content('plain'));
    for (const words of ['0.900', '0.880', 'HD95', 'best-per-fold', 'Training loss', '1 mirrored copies'])
      expect(page).toContain(words);
  });

  test('opens without test cases and without trials', () => {
    const empty = { ...content('plain'), test: null, overlays: [] };
    const page = reportPage({ ...empty, run: { ...empty.run, trials: [] } });
    expect(page).toContain('No points were recorded');
    expect(page).toContain('no labelled test cases');
  });
});

describe('escaping', () => {
  test('no string can open a tag or close an attribute', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !/[<>"']/.test(html`${text}`.markup)));
  });
});

describe('charts', () => {
  test('ticks are round, in order and inside', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1e6, max: 1e6, noNaN: true }),
        fc.double({ min: 1e-3, max: 1e6, noNaN: true }),
        (low, range) => {
          const ticks = niceTicks(low, low + range);
          expect(ticks.length).toBeGreaterThanOrEqual(2);
          expect(ticks.length).toBeLessThanOrEqual(7);
          for (const tick of ticks) expect(tick).toBeGreaterThanOrEqual(low - range * 1e-6);
          for (const tick of ticks) expect(tick).toBeLessThanOrEqual(low + range * (1 + 1e-6));
        },
      ),
    );
  });

  test('a curve with NaN is drawn without it', () => {
    const { markup } = curveChart(
      [
        {
          label: 'a',
          points: [
            [0, 1],
            [1, Number.NaN],
            [2, 3],
          ],
        },
      ],
      { title: 't', yLabel: 'y' },
    );
    expect(markup).not.toContain('NaN');
    expect(markup).toContain('<path');
  });
});

describe('pictures', () => {
  test('a PNG holds its pixels', () => {
    const rgb = Uint8Array.from({ length: 2 * 3 * 3 }, (_, index) => index * 10);
    const png = encodePng({ width: 2, height: 3, rgb });
    expect(png.subarray(1, 4).toString('latin1')).toBe('PNG');
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([2, 3]);
    const data = png.subarray(41, 41 + png.readUInt32BE(33));
    expect([...inflateSync(data)]).toEqual([
      0,
      ...rgb.subarray(0, 6),
      0,
      ...rgb.subarray(6, 12),
      0,
      ...rgb.subarray(12),
    ]);
    // The end chunk's checksum is a known constant.
    expect(png.subarray(-4).toString('hex')).toBe('ae426082');
  });

  test('an overlay shows both outlines on the slice with the most truth', () => {
    const shape = [8, 8, 5] as const;
    const affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
    const at = (x: number, y: number, z: number): number => (x * 8 + y) * 5 + z;
    const truth = new Uint8Array(8 * 8 * 5);
    const prediction = new Uint8Array(8 * 8 * 5);
    for (let x = 2; x < 6; x++) for (let y = 2; y < 6; y++) truth[at(x, y, 3)] = 1;
    for (let x = 3; x < 7; x++) for (let y = 3; y < 7; y++) prediction[at(x, y, 3)] = 1;
    const image = { shape, channels: 1, data: new Float32Array(8 * 8 * 5), affine };
    const picture = overlayPicture(image, { shape, data: truth, affine }, { shape, data: prediction, affine });
    const colours = new Set<string>();
    for (let index = 0; index < picture.rgb.length; index += 3) colours.add(picture.rgb.slice(index, index + 3).join());
    expect(colours).toEqual(new Set(['0,0,0', '64,220,120', '255,140,40']));
  });
});
