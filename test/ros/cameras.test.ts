import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { type TestContext, describe, it } from 'node:test';
import type { CameraFrame } from '../../src/robot/robot.ts';
import { openCameras } from '../../src/ros/cameras.ts';
import { until } from '../link/link.ts';
import { assertRejectsAbout, assertSaid } from '../refusals.ts';
import { CAMERA } from '../topics/imageMessage.ts';

const FRAMES = 9;
const NANOSECONDS = 1_000_000_000n;

/** Cameras whose process needs no ROS 2, closed after the test at the latest, and all that it has reported. */
function open(t: TestContext, module = new URL('./cameraChild.js', import.meta.url)) {
  const frames: CameraFrame[] = [];
  const problems: string[] = [];
  const cameras = openCameras({
    name: 'nalu',
    cameras: [CAMERA],
    module,
    onFrame: (frame) => frames.push(frame),
    onProblem: (camera, problem) => problems.push(`${camera}: ${problem}`),
  });
  const close = () => cameras.close();
  t.after(close);
  return { close, frames, problems, preview: (camera: string) => cameras.preview(camera) };
}

describe('cameras in a process of their own', () => {
  it('report each frame, hand out the pixels of those that are kept, and name wrong images', async (t) => {
    const { frames, problems } = open(t);
    await until(() => problems.length === 1);
    assert.equal(frames.length, FRAMES);
    const [oldest, , third] = frames;
    assert.deepEqual([third.camera, third.width, third.height], ['cam_high', 4, 2]);
    assert.deepEqual(await third.pixels(), new Uint8Array(24).fill(2));
    assert.equal(await third.pixels(), await third.pixels(), 'asked for once');
    await assertRejectsAbout(oldest.pixels(), {
      kind: 'missing',
      subject: 'cam_high',
      names: ['cam_high', 8],
    });
    assertSaid(problems[0], 'cam_high');
  });

  it('give the newest frame of one as a JPEG for people', async (t) => {
    const { frames, problems, preview } = open(t);
    await until(() => problems.length === 1);
    const { stamp, jpeg } = (await preview('cam_high'))!;
    assert.equal(stamp, frames.at(-1)!.stamp);
    assert.equal(jpeg[0], 0xff);
    assert.equal(await preview('cam_without_frames'), undefined);
  });

  it('come back after their process was killed', async (t) => {
    const { frames, problems } = open(t);
    await until(() => problems.length === 1);
    const pid = Number(frames[0].stamp / NANOSECONDS);
    process.kill(pid, 'SIGKILL');
    await until(() => problems.length === 2);
    assertSaid(problems[1], 'cam_high', 'takes images', 'SIGKILL');
    await assertRejectsAbout(frames[FRAMES - 1].pixels(), {
      kind: 'unready',
      names: ['SIGKILL', 'started again'],
    });
    await until(() => problems.length === 3);
    const newest = frames.at(-1)!;
    assert.notEqual(Number(newest.stamp / NANOSECONDS), pid);
    assert.deepEqual(await newest.pixels(), new Uint8Array(24).fill(FRAMES - 1));
  });

  it('say why where their process cannot begin, and leave nothing behind', async (t) => {
    const before = readdirSync('/dev/shm');
    const { close, problems } = open(t, new URL('./gone.js', import.meta.url));
    await until(() => problems.length === 1);
    assert.ok(problems[0].includes('gone.js'), problems[0]);
    assertSaid(problems[0], 'cam_high', 'npm run build');
    await close();
    assert.deepEqual(readdirSync('/dev/shm'), before);
  });
});
