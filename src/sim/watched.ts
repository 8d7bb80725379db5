import { halfBlocks } from '../terminal/halfBlocks.ts';
import type { Output } from '../terminal/output.ts';
import { UserError } from '../errors.ts';
import { delegateRobot } from '../robot/delegates.ts';
import type { Robot } from '../robot/robot.ts';
import type { SimulatedAloha } from './simulatedAloha.ts';
import type { ImageSize } from './pictures.ts';

/** The camera that shows both arms and the table from the front; another one where a scene lacks it. */
const CAMERA = 'cam_low';

/** Control steps between two pictures. */
const EVERY = 2;

/** Terminal lines kept free for the report. */
const OTHER_LINES = 6;
const LARGEST = { width: 80, height: 60 };

/** The largest picture with the camera's aspect ratio that fits, pixels. */
function sizeIn({ columns = 80, rows = 24 }: Output): ImageSize {
  const scale = Math.min(1, columns / LARGEST.width, (2 * (rows - OTHER_LINES)) / LARGEST.height);
  return { width: Math.floor(LARGEST.width * scale), height: Math.floor(LARGEST.height * scale) };
}

/** Wraps a robot to draw it below the cursor's line of the terminal while it is commanded. */
export function viewed(sim: SimulatedAloha, out: Output): Robot {
  const camera = sim.sceneCameras.includes(CAMERA) ? CAMERA : sim.sceneCameras.at(0);
  if (camera === undefined)
    throw new UserError('The scene names no camera to watch the attempts through', {
      kind: 'missing',
    });
  let commands = 0;
  return delegateRobot(sim, {
    command(positions) {
      sim.command(positions);
      const size = sizeIn(out);
      if (commands++ % EVERY !== 0 || size.height < 2) return;
      const lines = halfBlocks(sim.picture(camera, size), size);
      out.write(`\n${lines.join('\n')}\u001b[${lines.length}A`);
    },
  });
}
