import { afterEach, vi } from 'vitest';

// A library that writes to the console is a fault: only the command line and set-up own it (style: zod's rule).
const stray: string[] = [];
for (const method of ['log', 'info', 'warn', 'error'] as const) {
  vi.spyOn(console, method).mockImplementation((...values: unknown[]) => {
    stray.push(`console.${method}: ${values.map(String).join(' ')}`);
  });
}

afterEach(() => {
  const seen = stray.splice(0);
  if (seen.length > 0) throw new Error(`a test wrote to the console:\n${seen.join('\n')}`);
});
