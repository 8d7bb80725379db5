import { setTimeout } from 'node:timers/promises';
import { previewOf } from '../src/images/previewOf.ts';
import { goFirst } from '../src/processes/priority.ts';
import { serve } from '../src/processes/serve.ts';
import { type Arrival, type CameraFunctions, type CameraStream, SLOTS } from './cameraSlots.ts';

/**
 * A thread that writes a new picture of each camera at its rate, one camera after the other, and reports each. It makes
 * pictures for people too, as the process does that takes a robot's images.
 */
serve<CameraFunctions, CameraStream, { frame: (arrival: Arrival) => void }>(
  ({ memory, width, height, rate }, robot) => {
    goFirst();
    const bytes = width * height * 3;
    const pictures = memory.map((shared) => new Uint8Array(shared));
    const source = new Uint8Array(bytes).map((_, index) => index % 251);
    const period = 1000 / (rate * memory.length);
    const start = performance.now();
    const newest = memory.map(() => 0);
    const run = async () => {
      for (let count = 0; ; count++) {
        await setTimeout(Math.max(0, start + count * period - performance.now()));
        const camera = count % memory.length;
        const slot = Math.floor(count / memory.length) % SLOTS;
        source.fill(count % 251, 0, bytes / 16);
        pictures[camera].set(source, slot * bytes);
        newest[camera] = slot;
        robot.notify('frame', { camera, slot, stamp: process.hrtime.bigint() });
      }
    };
    void run();
    return {
      previews: () =>
        Promise.all(
          pictures.map((all, camera) => {
            const pixels = all.slice(newest[camera] * bytes, (newest[camera] + 1) * bytes);
            const frame = { camera: '', stamp: 0n, width, height };
            return previewOf({ ...frame, pixels: () => Promise.resolve(pixels) });
          }),
        ),
    };
  },
);
