import type { ChunkPolicy } from '../policy/chunkPolicy.ts';
import type { Sampler } from '../policy/sampler.ts';
import type { Bundle } from '../policy/bundle/config.ts';

/** A sampler as a policy on this very thread: for processes whose time may stand still while it samples. */
export const inlinePolicy = (bundle: Bundle, sampler: Sampler): ChunkPolicy => ({
  cameras: bundle.cameras,
  horizon: bundle.shape.horizon,
  executeSteps: bundle.executeSteps,
  async sample({ joints, frames, prompt, turn }, noise, join) {
    const images = await Promise.all(
      frames.map(async (frame) => {
        const { width, height } = frame;
        return { width, height, pixels: await frame.pixels() };
      }),
    );
    return sampler.sample({ images, state: joints.position, prompt, noise, turn, join });
  },
  close: () => sampler.close(),
});
