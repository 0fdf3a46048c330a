/** A line's colour in a legend. */
export function Swatch({ color }: { readonly color: string }) {
  return (
    <svg width="14" height="8" aria-hidden="true">
      <rect width="14" height="4" y="2" fill={color} />
    </svg>
  );
}
