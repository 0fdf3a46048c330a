import { Swatch } from '../components/swatch.tsx';
import { labelColor, predictionColor } from './label-colors.ts';

interface SlidersProps {
  readonly layers: readonly { readonly id: string; readonly name: string; readonly opacity: number }[];
  readonly onOpacity: (id: string, opacity: number) => void;
}

/** A slider of the opacity (0..1) of each layer. */
export function LayerSliders({ layers, onOpacity }: SlidersProps) {
  return layers.map(({ id, name, opacity }) => (
    <label key={id} className="layer">
      <span>{name}</span>
      <input
        type="range"
        min="0"
        max="1"
        step="0.05"
        value={opacity}
        onChange={(event) => onOpacity(id, Number(event.target.value))}
      />
    </label>
  ));
}

interface LabelItemsProps {
  readonly labels: readonly { readonly value: number; readonly name: string }[];
  /** What is shown of each: its truth, a model's prediction, or both. */
  readonly shown: readonly ('truth' | 'prediction')[];
}

/** The colours of labels, as items of a legend. */
export function LabelItems({ labels, shown }: LabelItemsProps) {
  return labels.map(({ value, name }) => (
    <li key={value}>
      {shown.map((kind) => (
        <Swatch key={kind} color={`rgb(${(kind === 'truth' ? labelColor : predictionColor)(value).join()})`} />
      ))}{' '}
      {name}
      {shown.length > 1 ? ` (${shown.join(', ')})` : ''}
    </li>
  ));
}
