import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { calibrate } from '../../src/calibrate/calibrate.ts';
import { simulatedPerson } from '../../src/calibrate/person.ts';
import type { Dialogue } from '../../src/terminal/dialogue.ts';
import {
  type CalibratedCamera,
  type CalibratedJoint,
  type Calibration,
} from '../../src/robot/calibration.ts';
import { calibrationYaml } from '../../src/robot/calibrationFile.ts';
import { SIM_CALIBRATION } from '../../src/sim/embodiment.ts';
import { simulatedAloha } from '../../src/sim/simulatedAloha.ts';
import { simulatedDrivers } from '../../src/sim/simulatedDrivers.ts';
import { simulatedHand } from '../../src/sim/simulatedHand.ts';
import { withFolder } from '../onnx/run.ts';
import { assertSaidIn } from '../refusals.ts';
import { assertFails, nalu, spawnNalu } from './nalu.ts';
import { GRIPPER_SETS } from '../../src/robot/gripperSets.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';

const built = await loadCalibration(SIM_CALIBRATION);

const changeJoint = (name: string, change: Partial<CalibratedJoint>) => (given: Calibration) => ({
  ...given,
  joints: given.joints.map((joint) => (joint.name === name ? { ...joint, ...change } : joint)),
});

const swapTopics = (a: string, b: string) => (given: Calibration) => {
  const topicOf = (name: string) => given.cameras.find((camera) => camera.name === name)!.topic;
  const cameras = given.cameras.map((camera): CalibratedCamera =>
    camera.name === a
      ? { ...camera, topic: topicOf(b) }
      : camera.name === b
        ? { ...camera, topic: topicOf(a) }
        : camera,
  );
  return { ...given, cameras };
};

const swapArms = (given: Calibration): Calibration => {
  const [left, right] = given.arms;
  return {
    ...given,
    arms: [
      { ...left, namespace: right.namespace },
      { ...right, namespace: left.namespace },
    ],
  };
};

interface Calibrated {
  code: number | null;
  out: string;
  err: string;
  calibration: Calibration;
}

/** Calibrates the simulated robot from a calibration that is wrong in `faults`, by these answers. */
const calibrateFrom = (
  faults: ((given: Calibration) => Calibration)[],
  steps: string,
  answers: string[],
): Promise<Calibrated> =>
  withFolder(async (folder) => {
    const [from, file] = ['wrong.yaml', 'right.yaml'].map((name) => join(folder, name));
    const wrong = faults.reduce((given, fault) => fault(given), built);
    await writeFile(from, calibrationYaml(wrong));
    const input = answers.map((answer) => `${answer}\n`).join('');
    const args = ['calibrate', file, '--from', from, '--steps', steps];
    const ended = await nalu(args, { input });
    assert.equal(ended.code, 0, ended.out + ended.err);
    return { ...ended, calibration: await loadCalibration(file) };
  });

const withoutFigures = ({ measured, ...rest }: Calibration) => {
  assert.ok(measured);
  return rest;
};

describe('nalu calibrate', () => {
  it('finds flipped joints, exchanged joints and the ranges that were visited', async () => {
    const faults = [
      changeJoint('left_shoulder', { sign: -1 }),
      changeJoint('right_wrist_rotate', { sign: -1, joint: 'forearm_roll' }),
      changeJoint('right_forearm_roll', { joint: 'wrist_rotate' }),
    ];
    const { calibration, out } = await calibrateFrom(faults, 'joints', ['', 'y']);
    assert.deepEqual(withoutFigures(calibration), built);
    assertSaidIn(out, 'The simulated person: left_waist');
    assertSaidIn(out, 'left_shoulder', '-1 → 1');
    assertSaidIn(out, 'right_wrist_rotate', 'not right_forearm_roll');
    const figures = calibration.measured?.joints as Record<string, { range: number[] }>;
    const [least, greatest] = figures.left_shoulder.range;
    const { home } = built.joints[1];
    assert.ok(Math.abs(least - (home - 0.45)) < 0.03, `${least}`);
    assert.ok(Math.abs(greatest - (home + 0.45)) < 0.03, `${greatest}`);
  });

  it('finds swapped arms and a wrong gripper set', async () => {
    const wrongSet = (given: Calibration): Calibration => ({
      ...given,
      arms: given.arms.map((arm) => ({ ...arm, gripper: GRIPPER_SETS.interbotix })),
    });
    const { calibration, out } = await calibrateFrom([swapArms, wrongSet], 'grippers', ['', 'y']);
    assert.deepEqual(withoutFigures(calibration), built);
    assertSaidIn(out, 'right_gripper', 'not left_gripper');
    assertSaidIn(out, 'left', 'interbotix → original');
  });

  it('puts cameras right by what the person says, and their size by what arrives', async () => {
    const larger = (given: Calibration): Calibration => ({
      ...given,
      cameras: given.cameras.map((camera) => ({ ...camera, width: 640, height: 480 })),
    });
    const { calibration, out } = await calibrateFrom(
      [swapTopics('cam_high', 'cam_low'), larger],
      'cameras',
      ['', 'cam_middle', 'cam_low', 'cam_high', '', '', 'y'],
    );
    assert.deepEqual(withoutFigures(calibration), built);
    assertSaidIn(out, "'cam_middle'", 'cam_high, cam_low');
    assertSaidIn(out, 'cam_high', '640×480 → 96×96');
  });

  it('writes the pictures beside the calibration, under their right names', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'mine.yaml');
      const input = '\n\n\n\n\ny\n';
      const { code, err } = await nalu(['calibrate', file, '--steps', 'cameras'], {
        input,
      });
      assert.equal(code, 0, err);
      assert.deepEqual(await readdir(folder), ['mine-cameras', 'mine.yaml']);
      const pictures = await readdir(join(folder, 'mine-cameras'));
      assert.deepEqual(pictures.toSorted(), [
        'cam_high.png',
        'cam_left_wrist.png',
        'cam_low.png',
        'cam_right_wrist.png',
        'sheet.png',
      ]);
      const { width, height } = await sharp(
        join(folder, 'mine-cameras', 'cam_high.png'),
      ).metadata();
      assert.deepEqual([width, height], [96, 96]);
    }));

  it('writes nothing, and says so, where somebody quits, skips, says no or has no more answers', async () => {
    const cases = [
      { input: 'q\n', code: 0 },
      { input: '\n\n\n\n\nn\n', code: 0 },
      { input: '\ncam_low\ns\ns\ns\n', code: 0 },
      { input: 'perhaps\n\n\n', code: 1 },
    ];
    for (const { input, code } of cases)
      await withFolder(async (folder) => {
        const file = join(folder, 'mine.yaml');
        const args = ['calibrate', file, '--steps', 'cameras'];
        const ended = await nalu(args, { input });
        assert.equal(ended.code, code, JSON.stringify(input) + ended.out + ended.err);
        assertSaidIn(ended.out, 'mine.yaml');
        assert.deepEqual(await readdir(folder), []);
      });
  });

  it('writes nothing after Ctrl-C, and exits with 130', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'mine.yaml');
      const { code, out } = await spawnNalu(
        ['calibrate', file],
        (child) => {
          child.stdout?.on('data', (data: Buffer) => {
            if (data.toString().includes('left_shoulder')) child.kill('SIGINT');
          });
        },
        { input: '\n' },
      );
      assert.equal(code, 130, out);
      assertSaidIn(out, 'mine.yaml');
      assert.deepEqual(await readdir(folder), []);
    }));

  it('leaves a file that is there unless it may be replaced, and goes on from it', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'mine.yaml');
      const wrong = calibrationYaml(swapTopics('cam_high', 'cam_low')(built));
      await writeFile(file, wrong);
      const args = ['calibrate', file, '--steps', 'cameras'];
      await assertFails(args, { kind: 'exists', subject: file }, { input: 'n\n' });
      assert.equal(await readFile(file, 'utf8'), wrong);
      const answers = '\ncam_low\ncam_high\n\n\ny\n';
      const forced = await nalu([...args, '--force'], { input: answers });
      assert.equal(forced.code, 0, forced.err);
      assert.deepEqual(withoutFigures(await loadCalibration(file)), built);
    }));

  it('asks which robot is nearest where there is no calibration to begin with', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'mine.yaml');
      const { out } = await assertFails(['calibrate', file, '--robot', 'ros'], { kind: 'unsaid' });
      assertSaidIn(out, '1: aloha-1.0, 2: aloha-2.0', 'so101');
    }));

  it('goes on with the next step where one cannot be measured', () =>
    withFolder(async (folder) => {
      const [from, file] = ['wrong.yaml', 'mine.yaml'].map((name) => join(folder, name));
      const elsewhere = built.cameras.map((camera) => ({ ...camera, topic: `/x${camera.topic}` }));
      await writeFile(from, calibrationYaml({ ...built, cameras: elsewhere }));
      const args = ['calibrate', file, '--from', from, '--steps', 'grippers,cameras'];
      const { code, out } = await nalu(args, { input: '\n\ny\n' });
      assert.equal(code, 0, out);
      assertSaidIn(out, 'no picture', '2 s');
      const { measured } = await loadCalibration(file);
      assert.deepEqual(Object.keys(measured?.grippers as object), [
        'left_gripper',
        'right_gripper',
      ]);
    }));

  it('says before it measures that it could not write', async () => {
    await assertFails(['calibrate', '/nowhere/mine.yaml'], {
      ...{ kind: 'missing', subject: '/nowhere' },
      names: ['/nowhere/mine.yaml'],
    });
  });

  it('refuses a step that there is not', async () => {
    await assertFails(['calibrate', 'mine.yaml', '--steps', 'joints,legs'], {
      ...{ kind: 'invalid', subject: '--steps' },
      names: ["'legs'", 'joints, grippers, cameras, latency'],
    });
  });
});

/** A dialogue that takes these answers. */
function scripted(answers: string[]): Dialogue & { said: string[] } {
  const said: string[] = [];
  return {
    said,
    screen: undefined,
    print: (text) => said.push(text),
    status: () => undefined,
    ask: () => Promise.resolve(answers.shift()!),
    close: () => undefined,
  };
}

describe('the measured latency', () => {
  it('is that of a camera whose images come late', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'mine.yaml');
      // When images come does not depend on their size, what drawing them takes does.
      const cameras = built.cameras.map((camera) => ({ ...camera, width: 160, height: 120 }));
      const small = { ...built, cameras };
      const delays = new Map([
        [cameras[0].topic, 0.08],
        [cameras[2].topic, 0.15],
      ]);
      const sim = await simulatedAloha({ task: 'transfer-cube' });
      const { signal } = new AbortController();
      const dialogue = scripted(['', 'y']);
      try {
        const subject = {
          robot: simulatedDrivers({ sim, built: small, read: small, delays }),
          found: small,
          calibration: small,
          label: 'a simulated ALOHA with late cameras',
          person: simulatedPerson(dialogue, simulatedHand(sim), (joint) => joint),
          start: () => sim.reset(0),
        };
        const begun = { path: SIM_CALIBRATION, calibration: small };
        const job = { file, begun, subject, steps: ['latency' as const], dialogue, signal };
        assert.equal(await calibrate(job), true, dialogue.said.join('\n'));
        const { measured } = await loadCalibration(file);
        const figures = measured?.cameras as Record<
          string,
          { latency: number; correlation: number }
        >;
        const expected = { cam_high: 0.08, cam_low: 0, cam_left_wrist: 0.15, cam_right_wrist: 0 };
        for (const [camera, delay] of Object.entries(expected)) {
          const { latency, correlation } = figures[camera];
          assert.ok(Math.abs(latency - delay) < 0.01, `${camera}: ${latency}, not ${delay}`);
          assert.ok(correlation > 0.8, `${camera}: ${correlation}`);
        }
      } finally {
        await sim.close();
      }
    }));
});
