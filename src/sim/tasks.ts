import type { SimTaskName } from './taskNames.ts';
import { cubeXml, insertionXml } from './scene.ts';
import { uniform } from './random.ts';

/** Whether two shapes touch, by name. */
export type Touching = (first: string, second: string) => boolean;

/** A simulated task: the objects, their placement, and the staged reward (gym-aloha's rules). */
export interface SimTask {
  prompt: string;
  /** Control steps of an attempt. */
  maxSteps: number;
  objectsXml: string;
  /** Free joints of the objects, in the order of `place`. */
  objectJoints: string[];
  /** Shapes that the reward uses. */
  shapes: string[];
  /** Poses [x y z qw qx qy qz] of the objects at the start of a seeded attempt. */
  place(seed: number): number[][];
  /** Staged reward, 0 to 4; 4 is success. */
  reward(touching: Touching): number;
}

export const successReward = 4;

const leftFinger = 'vx300s_left/10_left_gripper_finger';
const rightFinger = 'vx300s_right/10_right_gripper_finger';
const sockets = ['socket-1', 'socket-2', 'socket-3', 'socket-4'];

const within = (draw: () => number, low: number, high: number) => low + draw() * (high - low);
const upright = (x: number, y: number) => [x, y, 0.05, 1, 0, 0, 0];

/** The last stage whose condition holds. */
const highestStage = (stages: boolean[]) => stages.lastIndexOf(true) + 1;

const transferCube: SimTask = {
  prompt: 'Transfer cube',
  maxSteps: 400,
  objectsXml: cubeXml,
  objectJoints: ['red_box_joint'],
  shapes: ['red_box', 'table', leftFinger, rightFinger],
  place(seed) {
    const draw = uniform(seed);
    return [upright(within(draw, 0, 0.2), within(draw, 0.4, 0.6))];
  },
  reward(touching) {
    const right = touching('red_box', rightFinger);
    const left = touching('red_box', leftFinger);
    const lifted = !touching('red_box', 'table');
    return highestStage([right, right && lifted, left, left && lifted]);
  },
};

const insertion: SimTask = {
  prompt: 'Insert the peg into the socket',
  maxSteps: 500,
  objectsXml: insertionXml,
  objectJoints: ['red_peg_joint', 'blue_socket_joint'],
  shapes: ['red_peg', 'pin', 'table', leftFinger, rightFinger, ...sockets],
  place(seed) {
    const draw = uniform(seed);
    const peg = upright(within(draw, 0.1, 0.2), within(draw, 0.4, 0.6));
    const socket = upright(within(draw, -0.2, -0.1), within(draw, 0.4, 0.6));
    return [peg, socket];
  },
  reward(touching) {
    const anySocket = (other: string) => sockets.some((socket) => touching(socket, other));
    const held = touching('red_peg', rightFinger) && anySocket(leftFinger);
    const lifted = !touching('red_peg', 'table') && !anySocket('table');
    const joined = anySocket('red_peg');
    return highestStage([held, held && lifted, joined && lifted, touching('red_peg', 'pin')]);
  },
};

/** The simulated tasks by name. */
export const simTasks: Record<SimTaskName, SimTask> = { 'transfer-cube': transferCube, insertion };
