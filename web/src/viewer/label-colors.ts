/** Colours of label values, strong on grey scans and apart for colour-blind eyes (Okabe and Ito). Background is clear. */
const COLORS: readonly (readonly [number, number, number])[] = [
  [230, 159, 0],
  [86, 180, 233],
  [0, 158, 115],
  [240, 228, 66],
  [204, 121, 167],
  [213, 94, 0],
  [0, 114, 178],
];

/** A label value's colour. */
export function labelColor(value: number): readonly [number, number, number] {
  return COLORS[(value - 1) % COLORS.length] ?? [230, 159, 0];
}

/** A prediction's colour of a label value: the truth's, half way to white, so that one is told from the other where they lie over each other. */
export function predictionColor(value: number): readonly [number, number, number] {
  const [red, green, blue] = labelColor(value);
  const lighter = (channel: number): number => Math.round((channel + 255) / 2);
  return [lighter(red), lighter(green), lighter(blue)];
}

/** A colour map for NiiVue: values 0 to `highest`, named. */
export function labelMapOf(highest: number, names: Readonly<Record<number, string>>, colorOf = labelColor) {
  const values = Array.from({ length: highest + 1 }, (_, value) => value);
  const channel = (index: 0 | 1 | 2): number[] => values.map((value) => (value === 0 ? 0 : colorOf(value)[index]));
  return {
    R: channel(0),
    G: channel(1),
    B: channel(2),
    A: values.map((value) => (value === 0 ? 0 : 255)),
    I: values,
    labels: values.map((value) => names[value] ?? ''),
  };
}

/** Disagreement: 1 only predicted, 2 only true, 3 another class. */
export const DISAGREEMENT_NAMES: Readonly<Record<number, string>> = {
  1: 'only predicted',
  2: 'missed',
  3: 'another class',
};

/** Colours of {@link DISAGREEMENT_NAMES}. */
export const DISAGREEMENT_MAP = {
  R: [0, 235, 190, 255],
  G: [0, 45, 255, 60],
  B: [0, 45, 0, 255],
  A: [0, 255, 255, 255],
  I: [0, 1, 2, 3],
  labels: ['', 'only predicted', 'missed', 'another class'],
};
