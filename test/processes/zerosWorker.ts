import { serve } from '../../src/processes/workerService.ts';

/** A service that answers a number with so many zeros, and a number below none with an error. */
await serve<unknown, number, Float32Array>(() =>
  Promise.resolve({
    answer: (count) => new Float32Array(count),
    close: () => Promise.resolve(),
  }),
);
