import { useCallback } from 'react';
import { useSearchParams } from 'wouter';

/**
 * A value that lives in the address's query, so that a link keeps it; `fallback` is not written. Replaces the history's
 * entry: the back button leaves the page.
 */
export function useQueryState(name: string, fallback = ''): [string, (value: string) => void] {
  const [params, setParams] = useSearchParams();
  const set = useCallback(
    (value: string) => {
      setParams(
        (known) => {
          const next = new URLSearchParams(known);
          if (value === fallback) next.delete(name);
          else next.set(name, value);
          return next;
        },
        { replace: true },
      );
    },
    [name, fallback, setParams],
  );
  return [params.get(name) ?? fallback, set];
}

/**
 * The address's whole query with its question mark, for links that come back to the same filters and order; empty without one.
 * `without`: a value that means nothing where the link leads.
 */
export function useWholeQuery(without?: string): string {
  const [params] = useSearchParams();
  const rest = new URLSearchParams(params);
  if (without !== undefined) rest.delete(without);
  return rest.size === 0 ? '' : `?${rest}`;
}
