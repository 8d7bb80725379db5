import { setTimeout } from 'node:timers/promises';
import { goFirst } from '../src/processes/priority.ts';
import { serve } from '../src/processes/serve.ts';
import { type Arrival, type CameraStream, SLOTS } from './cameraSlots.ts';

/** A thread that writes a new picture of each camera at its rate, one camera after the other, and reports each. */
serve<object, CameraStream, { frame: (arrival: Arrival) => void }>(
  async ({ memory, bytes, rate }, robot) => {
    goFirst();
    const pictures = memory.map((shared) => new Uint8Array(shared));
    const source = new Uint8Array(bytes).map((_, index) => index % 251);
    const period = 1000 / (rate * memory.length);
    const start = performance.now();
    for (let count = 0; ; count++) {
      await setTimeout(Math.max(0, start + count * period - performance.now()));
      const camera = count % memory.length;
      const slot = Math.floor(count / memory.length) % SLOTS;
      source.fill(count % 251, 0, bytes / 16);
      pictures[camera].set(source, slot * bytes);
      robot.notify('frame', { camera, slot, stamp: process.hrtime.bigint() });
    }
  },
);
