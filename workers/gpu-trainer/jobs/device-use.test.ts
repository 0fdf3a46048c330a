import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openDeviceUseMeter } from './device-use.ts';

test('the share of the processor is measured between looks; a GPU is told of where its driver says something', async () => {
  let closed = false;
  const told = [{ busy: 0.5, memoryMb: 100 }, { busy: null, memoryMb: 200 }, null];
  const meter = openDeviceUseMeter({
    take: () => told.shift() ?? null,
    close: () => {
      closed = true;
    },
  });
  const until = performance.now() + 100;
  while (performance.now() < until);
  const busy = meter.take();
  expect(busy).toMatchObject({ gpuShare: 0.5, gpuMemoryMb: 100 });
  expect(busy.residentMemoryMb).toBeGreaterThan(10);
  await sleep(200);
  const idle = meter.take();
  expect(idle).toMatchObject({ gpuMemoryMb: 200 });
  expect(idle).not.toHaveProperty('gpuShare');
  expect(idle.cpuShare ?? 1).toBeLessThan(busy.cpuShare ?? 0);
  expect(meter.take()).not.toHaveProperty('gpuMemoryMb');
  meter.close();
  expect(closed).toBe(true);
});
