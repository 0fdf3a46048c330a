import { type NiiVueLocation, Niivue, NVImage, SHOW_RENDER, SLICE_TYPE } from '@niivue/niivue';
import { useEffect, useRef, useState } from 'react';
import { describeError } from '../api/problem.ts';
import { isAsking, keepsArrows } from '../components/shortcuts.tsx';
import { DISAGREEMENT_MAP, labelMapOf, predictionColor } from './label-colors.ts';
import { describePlace, type LayerKind } from './place.ts';
import type { PlaceMm } from './view-state.ts';

/** A volume over the others. The first is the image, on whose grid the slices go. */
export interface Layer {
  readonly id: string;
  readonly name: string;
  readonly kind: LayerKind;
  /** NIfTI, gzipped or not. */
  readonly volume: Blob;
  /** 0..1 */
  readonly opacity: number;
  /** Of a `heat` layer: the value that stands for 1 and has the brightest colour, in every case alike. */
  readonly highest?: number;
  /** Of a `labels` layer: a model's, in lighter colours than a truth. */
  readonly predicted?: boolean;
}

interface ViewerProps {
  readonly layers: readonly Layer[];
  readonly labelNames: Readonly<Record<number, string>>;
  /** What is shown, for whoever cannot see it. */
  readonly description: string;
  /** The page is about this volume: arrow keys move through it also while nothing has the focus. */
  readonly alone?: boolean;
  /** Where the crosshair stands first; null or absent: in the middle. */
  readonly startMm?: PlaceMm | null;
  /** Told where somebody moved the crosshair. */
  readonly onPlace?: (place: PlaceMm) => void;
}

/** Three planes and 3-D, with layers. Arrow keys move through slices, the mouse too. */
export function VolumeViewer(props: ViewerProps) {
  const { layers, labelNames, description, alone = false, startMm = null, onPlace } = props;
  const host = useRef<HTMLDivElement>(null);
  const newest = useRef({ layers, labelNames, onPlace });
  newest.current = { layers, labelNames, onPlace };
  /** False until the volumes stand at the first place: what moves the crosshair before is no person. */
  const placed = useRef<boolean>(false);
  const canvas = useRef<HTMLCanvasElement>(null);
  const viewer = useRef<Niivue | null>(null);
  const shown = useRef<string[]>([]);
  const [error, setError] = useState<string | null>(null);
  const [place, setPlace] = useState('');
  const [ready, setReady] = useState(false);

  useEffect(() => {
    if (canvas.current === null) return;
    const made = new Niivue({
      dragAndDropEnabled: false,
      backColor: [0.05, 0.06, 0.08, 1],
      isOrientationTextVisible: true,
      multiplanarShowRender: SHOW_RENDER.ALWAYS,
      isColorbar: false,
      crosshairWidth: 0.5,
      logLevel: 'error',
      show3Dcrosshair: true,
      isResizeCanvas: true,
    });
    made.onLocationChange = (location) => {
      const { mm, values } = location as NiiVueLocation;
      const { layers: now, labelNames: names } = newest.current;
      const there = now.flatMap((layer, index) => {
        const value = values[index]?.value;
        return value === undefined ? [] : [{ ...layer, value }];
      });
      setPlace(describePlace(mm, there, names));
      const [x = 0, y = 0, z = 0] = mm;
      if (placed.current) newest.current.onPlace?.([x, y, z]);
    };
    let gone = false;
    made.attachToCanvas(canvas.current).then(
      () => {
        if (gone) return;
        made.setSliceType(SLICE_TYPE.MULTIPLANAR);
        viewer.current = made;
        setReady(true);
      },
      (problem: unknown) =>
        setError(
          `This browser shows no volumes, because WebGL 2 is missing (${describeError(problem).message}). Turn hardware acceleration on in its settings, or use another browser; numbers and downloads work without it.`,
        ),
    );
    return () => {
      gone = true;
      viewer.current = null;
      shown.current = [];
      setReady(false);
      made.cleanup();
    };
  }, []);

  useEffect(() => {
    const now = viewer.current;
    if (!ready || now === null) return;
    const ids = layers.map(({ id }) => id);
    if (ids.join('\n') === shown.current.join('\n')) {
      layers.forEach(({ opacity }, index) => now.volumes[index] !== undefined && now.setOpacity(index, opacity));
      return;
    }
    shown.current = ids;
    let outdated = false;
    load(now, layers, labelNames, () => outdated || shown.current !== ids).then(
      () => {
        setError(null);
        if (!placed.current && startMm !== null) goTo(now, startMm);
        placed.current = true;
        // What was dragged while they loaded.
        newest.current.layers.forEach(
          ({ opacity }, index) => now.volumes[index] !== undefined && now.setOpacity(index, opacity),
        );
      },
      (problem: unknown) => setError(describeError(problem).message),
    );
    return () => {
      outdated = shown.current !== ids;
    };
  }, [layers, labelNames, ready]);

  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (keepsArrows(event) || isAsking() || viewer.current === null) return;
      // A page with other things to scroll and move keeps its keys, as does another viewer that has the focus.
      const focused = host.current?.contains(document.activeElement) === true;
      const idle = document.activeElement === document.body || document.activeElement?.id === 'main';
      if (!focused && !(alone && idle && event.key.startsWith('Arrow'))) return;
      const step = {
        ArrowUp: [0, 0, 1],
        ArrowDown: [0, 0, -1],
        ArrowLeft: [-1, 0, 0],
        ArrowRight: [1, 0, 0],
        PageUp: [0, 1, 0],
        PageDown: [0, -1, 0],
      }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      const [x = 0, y = 0, z = 0] = step;
      viewer.current.moveCrosshairInVox(x, y, z);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [alone]);

  return (
    <div className="viewer" ref={host}>
      {error !== null && (
        <p className="note bad" role="alert">
          {error}
        </p>
      )}
      <div className="viewer-canvas">
        <canvas ref={canvas} role="img" aria-label={description} tabIndex={0} />
      </div>
      <p className="viewer-place">
        <span>{place}</span>
        <span className="muted">↑ ↓ ← → and page keys move through slices{alone ? '' : ' of the viewer in focus'}</span>
      </p>
    </div>
  );
}

async function load(
  viewer: Niivue,
  layers: readonly Layer[],
  labelNames: Readonly<Record<number, string>>,
  outdated: () => boolean,
): Promise<void> {
  const volumes: NVImage[] = [];
  for (const { volume, name, kind, opacity, highest = 1, predicted = false } of layers) {
    const image = await NVImage.loadFromFile({
      file: new File([volume], `${name}.nii${(await isGzip(volume)) ? '.gz' : ''}`),
      colormap: kind === 'heat' ? 'inferno' : 'gray',
      opacity,
      ignoreZeroVoxels: kind === 'heat',
    });
    if (kind === 'labels') {
      const highest = Math.max(1, Math.ceil(image.global_max ?? 1));
      image.setColormapLabel(labelMapOf(highest, labelNames, predicted ? predictionColor : undefined));
    }
    // By what a case happens to hold, the same colour would mean something else in each.
    if (kind === 'heat') [image.cal_min, image.cal_max] = [0, highest];
    if (kind === 'disagreement') image.setColormapLabel(DISAGREEMENT_MAP);
    volumes.push(image);
  }
  if (outdated()) return;
  for (const old of [...viewer.volumes].reverse()) viewer.removeVolume(old);
  for (const image of volumes) viewer.addVolume(image);
  viewer.updateGLVolume();
  viewer.createOnLocationChange();
}

function goTo(viewer: Niivue, [x, y, z]: PlaceMm): void {
  viewer.scene.crosshairPos = viewer.mm2frac([x, y, z]);
  viewer.createOnLocationChange();
  viewer.drawScene();
}

async function isGzip(volume: Blob): Promise<boolean> {
  const [first, second] = new Uint8Array(await volume.slice(0, 2).arrayBuffer());
  return first === 0x1f && second === 0x8b;
}
