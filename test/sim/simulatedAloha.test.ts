import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { CameraFrame, JointState } from '../../src/robot/robot.ts';
import { expertTrajectory } from '../../src/sim/expert.ts';
import { simulatedAloha, type SimulatedAloha } from '../../src/sim/simulatedAloha.ts';
import { period, play } from './driving.ts';

describe('the simulated ALOHA', () => {
  let sim: SimulatedAloha;
  before(async () => {
    sim = await simulatedAloha({ task: 'transfer-cube', cameras: ['cam_high', 'cam_right_wrist'] });
  });
  after(() => sim.close());

  it('repeats an attempt to the last bit for the same seed and commands', async () => {
    const run = async (seed: number) => {
      await sim.reset(seed);
      await play(sim, expertTrajectory(sim).slice(0, 170));
      return sim.qpos();
    };
    const first = await run(5);
    await run(6);
    assert.deepEqual(await run(5), first);
  });

  it('places the cube inside the published range, elsewhere for another seed', async () => {
    const places = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      await sim.reset(seed);
      const [[x, y, z]] = sim.objects();
      assert.ok(x >= 0 && x <= 0.2 && y >= 0.4 && y <= 0.6 && z === 0.05, `${x} ${y} ${z}`);
      places.add(`${x} ${y}`);
    }
    assert.equal(places.size, 40);
  });

  it('starts in the home pose and reaches what it is commanded', async () => {
    await sim.reset(0);
    const home = sim.embodiment.joints.map((joint) => joint.home);
    sim.positions().forEach((value, joint) => {
      assert.ok(Math.abs(value - home[joint]) < 1e-9);
    });
    const wanted = home.map((value, joint) => value + (joint % 7 === 6 ? 0.5 : 0.1));
    sim.command(Float64Array.from(wanted));
    await sim.clock.until(sim.clock.now() + 100n * period);
    sim.positions().forEach((value, joint) => {
      assert.ok(Math.abs(value - wanted[joint]) < 0.02, `${joint}: ${value}`);
    });
  });

  it('senses joints and every camera at each control step, with stamps of one clock', async () => {
    const states: JointState[] = [];
    const frames: CameraFrame[] = [];
    sim.observe({ joints: (state) => states.push(state), frame: (frame) => frames.push(frame) });
    const start = sim.clock.now();
    await sim.reset(0);
    await sim.clock.until(start + 5n * period);
    const stamps = [1n, 2n, 3n, 4n, 5n].map((step) => start + step * period);
    assert.deepEqual(
      states.map((state) => state.stamp),
      stamps,
    );
    for (const camera of ['cam_high', 'cam_right_wrist'])
      assert.deepEqual(
        frames.filter((frame) => frame.camera === camera).map((frame) => frame.stamp),
        stamps,
      );
  });

  it('draws a frame as the scene was at its stamp, however late it is asked for', async () => {
    const frames: CameraFrame[] = [];
    sim.observe({ joints: () => undefined, frame: (frame) => frames.push(frame) });
    await sim.reset(3);
    const then = sim.picture('cam_high');
    const [frame] = frames;
    await play(sim, expertTrajectory(sim).slice(0, 60));
    assert.deepEqual(await frame.pixels(), then);
    assert.notDeepEqual(sim.picture('cam_high'), then);
    assert.equal(await frame.pixels(), await frame.pixels());
    assert.equal(then.length, 96 * 96 * 3);
  });

  it('shows the cube red where it lies', async () => {
    await sim.reset(3);
    await sim.clock.until(sim.clock.now() + 20n * period);
    const pixels = sim.picture('cam_high');
    const [[x, y]] = sim.objects();
    // Looking straight down from (0, 0.6, 0.8), 60° high: image y runs against the world's.
    const scale = 48 / Math.tan(Math.PI / 6) / (0.8 - 0.04);
    const at = 3 * (Math.round(48 - (y - 0.6) * scale) * 96 + Math.round(48 + x * scale));
    assert.ok(pixels[at] > 150 && pixels[at + 1] < 60 && pixels[at + 2] < 60);
  });

  it('says what is wrong with a command of another length, and after close', async () => {
    assert.throws(() => {
      sim.command(new Float64Array(7));
    }, /14 positions, not 7/);
    const other = await simulatedAloha({ task: 'insertion' });
    await other.close();
    await assert.rejects(other.reset(0), /after close/);
  });

  it('keeps pace with the wall clock in real time', async () => {
    const paced = await simulatedAloha({ task: 'transfer-cube', cameras: [], realTime: true });
    const began = performance.now();
    await paced.clock.until(400_000_000n);
    const took = performance.now() - began;
    await paced.close();
    assert.ok(took > 350 && took < 1500, `${took} ms`);
  });

  it('lets what is due go between two pictures in real time', async () => {
    const paced = await simulatedAloha({ task: 'transfer-cube', realTime: true });
    const frames: CameraFrame[] = [];
    paced.observe({ joints() {}, frame: (frame) => void frames.push(frame) });
    await paced.reset(0);
    const order: string[] = [];
    const drawn = frames.slice(0, 2).map(async (frame) => {
      await frame.pixels();
      order.push(frame.camera);
    });
    const step = () => {
      order.push('step');
      if (order.length < 3) setImmediate(step);
    };
    setImmediate(step);
    await Promise.all(drawn);
    await paced.close();
    assert.deepEqual(order, ['step', frames[0].camera, 'step', frames[1].camera]);
  });

  it('gives its memory back: many simulators fit where one does', async () => {
    const grown: number[] = [];
    for (let round = 0; round < 30; round++) {
      const one = await simulatedAloha({ task: 'transfer-cube' });
      one.picture('cam_high');
      await one.close();
      grown.push(process.memoryUsage().rss / 2 ** 20);
    }
    const growth = grown[29] - grown[9];
    assert.ok(growth < 60, `${growth.toFixed(0)} MiB in 20 rounds`);
  });
});
