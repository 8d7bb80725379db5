import type { Embodiment, Joint } from '../robot/embodiment.ts';
import { openingFromFinger } from './gripper.ts';

const turn = 3.14158;
const speed = Math.PI;

/** Position limits (rad), and gym-aloha's start pose, of one arm's joints. */
const armJoints: Pick<Joint, 'name' | 'lower' | 'upper' | 'home'>[] = [
  { name: 'waist', lower: -turn, upper: turn, home: 0 },
  { name: 'shoulder', lower: -1.85005, upper: 1.25664, home: -0.96 },
  { name: 'elbow', lower: -1.76278, upper: 1.6057, home: 1.16 },
  { name: 'forearm_roll', lower: -turn, upper: turn, home: 0 },
  { name: 'wrist_angle', lower: -1.8675, upper: 2.23402, home: -0.3 },
  { name: 'wrist_rotate', lower: -turn, upper: turn, home: 0 },
];

/** Finger position at the start of an attempt, m (gym-aloha). */
export const startFinger = 0.02239;

/** Openings a second of a follower's gripper. */
const gripperSpeed = 3;

function arm(side: string): Joint[] {
  return [
    ...armJoints.map((joint) => ({
      ...joint,
      name: `${side}_${joint.name}`,
      kind: 'arm' as const,
      velocity: speed,
    })),
    {
      name: `${side}_gripper`,
      kind: 'gripper',
      lower: 0,
      upper: 1,
      velocity: gripperSpeed,
      home: openingFromFinger(startFinger),
    },
  ];
}

/** The simulated ALOHA's fourteen joints at 50 Hz, with the cameras asked for. */
export function alohaEmbodiment(
  cameras: string[],
  size: { width: number; height: number },
): Embodiment {
  return {
    name: 'aloha',
    controlRate: 50,
    joints: [...arm('left'), ...arm('right')],
    cameras: cameras.map((name) => ({ name, ...size })),
  };
}
