import { useEffect } from 'react';
import { useLocation } from 'wouter';
import { isAsking, isTyping } from './shortcuts.tsx';

/** Lets "n" and "p" lead to the next and the previous entry; null where there is none. */
export function useStepKeys(previous: string | null, next: string | null): void {
  const [, go] = useLocation();
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (isTyping(event) || isAsking()) return;
      const href = event.key === 'n' ? next : event.key === 'p' ? previous : null;
      if (href !== null) go(href);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [go, next, previous]);
}
