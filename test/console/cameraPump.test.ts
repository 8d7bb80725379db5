import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { pumpCameras } from '../../src/console/cameraPump.ts';
import type { Console } from '../../src/console/console.ts';
import type { CameraPicture } from '../../src/console/protocol.ts';

const pictureOf = (camera: string): CameraPicture => ({
  ...{ camera, at: 0, age: 0, jpeg: new Uint8Array(1) },
});

describe('the pump of pictures', () => {
  it('asks for one at a time, so that a control step does not wait for all', async () => {
    const order: string[] = [];
    const cameras = ['high', 'low', 'left', 'right'];
    let stop: () => void = () => undefined;
    await new Promise<void>((resolve) => {
      const console = {
        watched: true,
        picture({ camera }: CameraPicture) {
          order.push(camera);
          if (camera === cameras.at(-1)) resolve();
        },
      } as unknown as Console;
      const take = async (camera: string) => {
        order.push(`asked for ${camera}`);
        // One of another process comes in a turn of the event loop of its own.
        await setImmediate();
        return camera === 'low' ? undefined : pictureOf(camera);
      };
      stop = pumpCameras(console, cameras, take, (error) => assert.fail(String(error)));
    });
    stop();
    const steps = ['asked for high', 'high', 'asked for low', 'asked for left', 'left'];
    assert.deepEqual(order, [...steps, 'asked for right', 'right']);
  });
});
