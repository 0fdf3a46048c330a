/** A number with its noun: "1 firing", "4 cases"; `several` where the plural is no "s". */
export function counted(count: number, one: string, several = `${one}s`): string {
  return `${count} ${count === 1 ? one : several}`;
}

/** What the numbers of a case to label next mean, by their names. */
export const MEASURES = {
  Uncertainty: 'How unsure the champion is near what it segments, 0 (sure) to 1.',
  Disagreement: 'The part of it in which the champion’s models differ; little with one model.',
  Novelty:
    'How unlike what is labelled, and what stands above it in the list, the image is in size and intensities, 0 to 1.',
} as const;
