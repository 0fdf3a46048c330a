import { availableParallelism } from 'node:os';
import type { GpuWatch } from '@voxhelm/nn/gpu';
import { residentMemoryMb } from './context.ts';

/** What a training took of its machine, by the name of the metric series. */
export interface DeviceUse {
  /** Share (0..1) of the processor's cores that this process kept busy, all its threads together. */
  readonly cpuShare?: number;
  /** Resident memory of this process in MB (2^20 bytes), now. */
  readonly residentMemoryMb: number;
  /** Share (0..1) of the time in which the GPU computed, by the driver's word. */
  readonly gpuShare?: number;
  /** The most memory in use on the GPU in MB. Of the whole GPU, as `gpuShare`: the driver does not tell whose it is. */
  readonly gpuMemoryMb?: number;
}

/** Measures what is used between one look and the next. */
export interface DeviceUseMeter {
  /** The use since the last call, or since the meter was opened. */
  take(): DeviceUse;
  close(): void;
}

/** Opens a meter of this process; `gpu` where it computes on one. */
export function openDeviceUseMeter(gpu: GpuWatch | null): DeviceUseMeter {
  const cores = availableParallelism();
  let [since, cpu] = [performance.now(), process.cpuUsage()];
  return {
    take() {
      const [now, spent] = [performance.now(), process.cpuUsage(cpu)];
      const elapsedMs = now - since;
      [since, cpu] = [now, process.cpuUsage()];
      const seen = gpu?.take() ?? null;
      return {
        ...(elapsedMs > 0 ? { cpuShare: Math.min(1, (spent.user + spent.system) / 1_000 / elapsedMs / cores) } : {}),
        residentMemoryMb: residentMemoryMb(),
        ...(seen === null ? {} : { gpuMemoryMb: seen.memoryMb }),
        ...(seen === null || seen.busy === null ? {} : { gpuShare: seen.busy }),
      };
    },
    close: () => gpu?.close(),
  };
}
