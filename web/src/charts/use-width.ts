import { useEffect, useState } from 'react';

/**
 * How wide an element is, in CSS pixels, so that what is drawn in it keeps its text's size on a telephone; `first` until it
 * is measured. The first of the pair is the element's ref.
 */
export function useWidth<E extends Element>(first: number): [(element: E | null) => void, number] {
  const [element, setElement] = useState<E | null>(null);
  const [width, setWidth] = useState(first);
  useEffect(() => {
    if (element === null) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined && entry.contentRect.width > 0) setWidth(Math.round(entry.contentRect.width));
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [element]);
  return [setElement, width];
}
