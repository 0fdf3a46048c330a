import { useCallback, useEffect, useMemo, useRef } from 'react';
import { useQueryState, useWholeQuery } from '../query-state.ts';

/*
 * What of a viewer the address keeps, so that a link shows a colleague the same: the layers' opacities and the place.
 */

const PLACE = 'at';
/** Browsers refuse an address that changes more often; a place is written when the crosshair rests. */
const REST_MS = 400;

/** Millimetres in the scanner's space (RAS+). */
export type PlaceMm = readonly [number, number, number];

/** Opacities (0..1) that somebody chose, by layer; "truth:0.8,prediction:0" in the address. */
export function useOpacities(): [Readonly<Record<string, number>>, (id: string, opacity: number) => void] {
  const [text, setText] = useQueryState('layers');
  const known = useMemo(() => readOpacities(text), [text]);
  const set = (id: string, opacity: number): void =>
    setText(
      Object.entries({ ...known, [id]: opacity })
        .map(([layer, value]) => `${layer}:${value}`)
        .join(','),
    );
  return [known, set];
}

/** The opacities that an address names; what names none is passed over. */
export function readOpacities(text: string): Readonly<Record<string, number>> {
  return Object.fromEntries(
    text.split(',').flatMap((part) => {
      const [, layer, value] = /^([a-z]+):(\d(?:\.\d+)?)$/.exec(part) ?? [];
      return layer === undefined || Number(value) > 1 ? [] : [[layer, Number(value)]];
    }),
  );
}

/** The place that the address names when the page is opened (null: none), and a way to have it name where the crosshair rests. */
export function usePlace(): [PlaceMm | null, (place: PlaceMm) => void] {
  const [text, setText] = useQueryState(PLACE);
  const opened = useRef(readPlace(text));
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const set = useCallback(
    (place: PlaceMm) => {
      clearTimeout(timer.current);
      timer.current = setTimeout(() => setText(place.map((mm) => mm.toFixed(1)).join(',')), REST_MS);
    },
    [setText],
  );
  return [opened.current, set];
}

/** The place that an address names; null where it names none. */
export function readPlace(text: string): PlaceMm | null {
  const numbers = text === '' ? [] : text.split(',').map(Number);
  const [x, y, z] = numbers;
  return numbers.length === 3 && numbers.every(Number.isFinite) ? [x as number, y as number, z as number] : null;
}

/** The address's query for another case: a place in this one means nothing there. */
export function useQueryWithoutPlace(): string {
  return useWholeQuery(PLACE);
}
