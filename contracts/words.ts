/** A number with its noun: "1 firing", "4 cases"; `several` where the plural is no "s". */
export function counted(count: number, one: string, several = `${one}s`): string {
  return `${count} ${count === 1 ? one : several}`;
}
