import { number } from '../format.ts';
import { DISAGREEMENT_NAMES } from './label-colors.ts';

/** What a layer's values mean. */
export type LayerKind = 'image' | 'labels' | 'disagreement' | 'heat';

/** A layer's value where the crosshair is. */
export interface PlacedValue {
  readonly name: string;
  readonly kind: LayerKind;
  readonly value: number;
  /** Of a `heat` layer: the value that stands for 1. */
  readonly highest?: number;
}

/** Where the crosshair is (`mm` along the patient's right-left, back-front and foot-head axes) and what each layer has there. */
export function describePlace(
  mm: ArrayLike<number>,
  values: readonly PlacedValue[],
  labelNames: Readonly<Record<number, string>>,
): string {
  const axes = ['x', 'y', 'z'].map((axis, index) => `${axis} ${(mm[index] ?? 0).toFixed(1)}`);
  const words = values.map((each) => `${each.name.toLowerCase()} ${valueInWords(each, labelNames)}`);
  return [`${axes.join(', ')} mm`, ...words].join(' · ');
}

function valueInWords({ kind, value, highest = 1 }: PlacedValue, labelNames: Readonly<Record<number, string>>): string {
  if (!Number.isFinite(value)) return '–';
  if (kind === 'image') return number(value);
  if (kind === 'heat') return (value / highest).toFixed(2);
  const whole = Math.round(value);
  if (kind === 'disagreement') return DISAGREEMENT_NAMES[whole] ?? 'none';
  return labelNames[whole] ?? (whole === 0 ? 'background' : String(whole));
}
