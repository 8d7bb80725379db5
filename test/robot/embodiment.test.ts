import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import { UserError } from '../../src/errors.ts';
import type { Embodiment } from '../../src/robot/embodiment.ts';
import { loadEmbodiment, parseEmbodiment } from '../../src/robot/loadEmbodiment.ts';

const aloha = await loadEmbodiment('calibration/aloha.yaml');

const changed = (change: (embodiment: Embodiment) => void): string => {
  const copy = parse(stringify(aloha)) as Embodiment;
  change(copy);
  return stringify(copy);
};

const refusal = (yaml: string): string => {
  try {
    parseEmbodiment(yaml, 'robot.yaml');
  } catch (error) {
    assert.ok(error instanceof UserError);
    return error.message;
  }
  return assert.fail('accepted');
};

describe("ALOHA's embodiment files", () => {
  it('have fourteen joints in order, left arm first, and four cameras', async () => {
    const simulated = await loadEmbodiment('calibration/aloha-sim.yaml');
    assert.deepEqual(simulated.joints, aloha.joints);
    const names = 'waist shoulder elbow forearm_roll wrist_angle wrist_rotate gripper'.split(' ');
    assert.deepEqual(
      aloha.joints.map(({ name }) => name),
      ['left', 'right'].flatMap((side) => names.map((name) => `${side}_${name}`)),
    );
    assert.deepEqual(
      aloha.joints.slice(7, 13).map(({ home }) => home),
      [0, -0.96, 1.16, 0, -0.3, 0],
    );
    assert.equal(aloha.cameras.length, 4);
    assert.deepEqual(simulated.cameras[0], { name: 'cam_high', width: 96, height: 96 });
  });
});

describe('an embodiment file', () => {
  it('is refused with file, field and what to do when it is wrong', () => {
    const cases: [(embodiment: Embodiment) => void, RegExp][] = [
      [({ joints }) => (joints[1].lower = -106), /joints\[1\]\.lower: -106 .*radians, not degrees/],
      [({ joints }) => (joints[2].lower = 2), /joints\[2\]\.lower: 2 is not below upper, 1\.6057/],
      [({ joints }) => (joints[3].home = 4), /joints\[3\]\.home: 4 lies outside .*move it inside/],
      [
        ({ joints }) => (joints[6].upper = 1.6),
        /joints\[6\]\.upper: 1\.6 lies outside 0 \(closed\)/,
      ],
      [({ joints }) => (joints[0].velocity = 180), /joints\[0\]\.velocity: .*rad\/s/],
      [({ joints }) => (joints[4].name = 'left_waist'), /joints\[4\]\.name: left_waist is already/],
      [({ cameras }) => (cameras[1].width = 0.5), /cameras\[1\]\.width: /],
      [(embodiment) => Object.assign(embodiment, { color: 'red' }), /color/],
      [({ joints }) => Object.assign(joints[0], { effort: 10 }), /joints\[0\]: .*effort/],
    ];
    for (const [change, expected] of cases) {
      const message = refusal(changed(change));
      assert.match(message, expected);
      assert.match(message, /^robot\.yaml: /);
    }
  });

  it('is refused when it is no YAML or not there', async () => {
    assert.match(refusal('joints: [}'), /^robot\.yaml: not readable as YAML/);
    assert.match(refusal(''), /^robot\.yaml: /);
    await assert.rejects(loadEmbodiment('nowhere.yaml'), {
      name: 'UserError',
      message: /^nowhere\.yaml: cannot be read/,
    });
  });
});
