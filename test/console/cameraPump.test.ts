import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pumpCameras } from '../../src/console/cameraPump.ts';
import type { Console } from '../../src/console/console.ts';
import type { CameraPicture } from '../../src/console/protocol.ts';

const pictureOf = (camera: string): CameraPicture => ({
  ...{ camera, at: 0, age: 0, jpeg: new Uint8Array(1) },
});

describe('the pump of pictures', () => {
  it('gives the event loop back between two, so that a control step does not wait for all', async () => {
    const order: string[] = [];
    const cameras = ['high', 'low', 'left', 'right'];
    let stop: () => void = () => undefined;
    await new Promise<void>((resolve) => {
      const console = {
        watched: true,
        picture({ camera }: CameraPicture) {
          order.push(camera);
          setImmediate(() => order.push('another'));
          if (camera === cameras.at(-1)) resolve();
        },
      } as unknown as Console;
      const take = () => Promise.resolve(cameras.map(pictureOf));
      stop = pumpCameras(console, take, (error) => assert.fail(String(error)));
    });
    stop();
    assert.deepEqual(order, ['high', 'another', 'low', 'another', 'left', 'another', 'right']);
  });
});
