import { type DragEvent, useState } from 'react';

/** What an element needs to be a drop area. */
export interface DropArea {
  readonly className: string;
  readonly onDragOver: (event: DragEvent) => void;
  readonly onDragLeave: () => void;
  readonly onDrop: (event: DragEvent) => void;
}

/** Makes an element take what is dropped on it; it shows while something is held over it. Spread the result over the element. */
export function useDropArea(onDrop: (dropped: DataTransfer) => void): DropArea {
  const [over, setOver] = useState(false);
  return {
    className: over ? 'drop over' : 'drop',
    onDragOver(event) {
      event.preventDefault();
      setOver(true);
    },
    onDragLeave: () => setOver(false),
    onDrop(event) {
      event.preventDefault();
      setOver(false);
      onDrop(event.dataTransfer);
    },
  };
}
