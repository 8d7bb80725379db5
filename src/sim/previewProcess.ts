import sharp from 'sharp';
import { yieldToAll } from '../processes/priority.ts';
import { serve } from '../processes/serve.ts';
import { type SimulatedAlohaOptions, simulatedAloha } from './simulatedAloha.ts';

/** Pixels of a picture's longer side, whatever the policy sees. */
const SIDE = 192;
const QUALITY = 75;

/** What the process offers that draws a simulation's cameras for people. */
export interface PreviewFunctions {
  /** A JPEG of a camera's view at generalised positions. */
  draw: (qpos: Float64Array, camera: string) => Promise<Uint8Array>;
}

// The robot goes first: an ordinary thread that has a core keeps it for milliseconds, whatever its niceness.
yieldToAll();

serve(async (options: SimulatedAlohaOptions) => {
  const sim = await simulatedAloha(options);
  const sizes = new Map(
    sim.embodiment.cameras.map(({ name, width, height }) => {
      const scale = SIDE / Math.max(width, height);
      return [name, { width: Math.round(width * scale), height: Math.round(height * scale) }];
    }),
  );
  return {
    draw(qpos: Float64Array, camera: string) {
      const { width, height } = sizes.get(camera)!;
      const pixels = sim.picture(camera, { width, height }, qpos);
      const raw = { width, height, channels: 3 } as const;
      return sharp(pixels, { raw }).jpeg({ quality: QUALITY }).toBuffer();
    },
    close: () => sim.close(),
  };
});
