import { useMemo } from 'react';
import { type Layer, VolumeViewer } from '../viewer/volume-viewer.tsx';

interface PairProps {
  readonly image: Blob;
  readonly label: Blob | null;
  readonly labels: readonly { readonly value: number; readonly name: string }[];
  readonly name: string;
  /** The page is about this pair alone. */
  readonly alone?: boolean;
}

/** An image with its label over it, straight from the dropped files. */
export function PairViewer({ image, label, labels, name, alone = false }: PairProps) {
  const layers = useMemo<Layer[]>(
    () => [
      { id: 'image', name: 'image', kind: 'image', volume: image, opacity: 1 },
      ...(label === null ? [] : [{ id: 'label', name: 'label', kind: 'labels' as const, volume: label, opacity: 0.5 }]),
    ],
    [image, label],
  );
  const names = useMemo(() => Object.fromEntries(labels.map((each) => [each.value, each.name])), [labels]);
  return (
    <VolumeViewer
      layers={layers}
      labelNames={names}
      alone={alone}
      description={`Image and label of ${name} in three planes and 3-D`}
    />
  );
}
