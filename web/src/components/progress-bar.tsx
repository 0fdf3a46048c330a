/** How far something is, as a bar and in per cent; `value` in 0..1. */
export function ProgressBar({ value, label }: { readonly value: number; readonly label: string }) {
  const percent = Math.floor(value * 100);
  return (
    <span className="progress">
      <progress max={100} value={percent} aria-label={label} />
      <span className="percent">{percent} %</span>
    </span>
  );
}
