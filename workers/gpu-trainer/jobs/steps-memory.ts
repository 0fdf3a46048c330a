import type { ProbeResult } from '@voxhelm/contracts/jobs';
import { deviceInfo } from '@voxhelm/nn/engine';
import { watchGpu } from '@voxhelm/nn/gpu';

/** What training steps take of the device's memory. */
export interface StepsMemory {
  /** The steps are over; what follows counts only where this is called again. */
  stepsEnd(): void;
  /** What they took, while the process held so many cases; nothing where the device does not tell. */
  measured(cases: number): Pick<ProbeResult, 'memory'>;
  close(): void;
}

/** The most resident memory that this process ever had (MB). */
export function residentPeakMb(): number {
  return process.resourceUsage().maxRSS / 1024; // Kilobytes to MB.
}

/**
 * Watches the device's memory. On a CPU it is the process's most, so that of both precisions the larger one counts; on a GPU what
 * the driver says is in use, whoever's (TensorFlow keeps its pool, so that the last word is the most).
 */
export function watchStepsMemory(): StepsMemory {
  const device = deviceInfo();
  const gpu = device.kind === 'cuda' ? watchGpu(process.env['CUDA_VISIBLE_DEVICES']) : null;
  let stepsPeakMb = 0;
  return {
    stepsEnd() {
      stepsPeakMb = Math.max(stepsPeakMb, gpu === null ? residentPeakMb() : (gpu.take()?.memoryMb ?? 0));
    },
    measured(cases) {
      if (stepsPeakMb === 0) return {};
      // No case lies in a GPU's memory.
      return { memory: { stepsPeakMb, deviceMb: device.memoryBytes / 2 ** 20, cases: gpu === null ? cases : 0 } };
    },
    close: () => gpu?.close(),
  };
}
