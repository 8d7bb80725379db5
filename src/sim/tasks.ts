import type { SimTaskName } from './taskNames.ts';
import { cubeXml, insertionXml } from './scene.ts';

/** Whether two shapes touch, by name. */
export type Touching = (first: string, second: string) => boolean;

/** A simulated task: its scene's objects, and the staged reward (gym-aloha's rules). */
export interface SimTask {
  prompt: string;
  /** Control steps of an attempt. */
  maxSteps: number;
  objectsXml: string;
  /** Number of objects with a free joint. */
  objects: number;
  /** Shapes that the reward uses. */
  shapes: string[];
  /** Staged reward, 0 to 4; 4 is success. */
  reward(touching: Touching): number;
}

export const successReward = 4;

const sockets = ['socket-1', 'socket-2', 'socket-3', 'socket-4'];

/** The last stage whose condition holds. */
const highestStage = (stages: boolean[]) => stages.lastIndexOf(true) + 1;

const transferCube: SimTask = {
  prompt: 'Transfer cube',
  maxSteps: 400,
  objectsXml: cubeXml,
  objects: 1,
  shapes: ['red_box', 'table', 'left_finger', 'right_finger'],
  reward(touching) {
    const right = touching('red_box', 'right_finger');
    const left = touching('red_box', 'left_finger');
    const lifted = !touching('red_box', 'table');
    return highestStage([right, right && lifted, left, left && lifted]);
  },
};

const insertion: SimTask = {
  prompt: 'Insert the peg into the socket',
  maxSteps: 500,
  objectsXml: insertionXml,
  objects: 2,
  shapes: ['red_peg', 'pin', 'table', 'left_finger', 'right_finger', ...sockets],
  reward(touching) {
    const anySocket = (other: string) => sockets.some((socket) => touching(socket, other));
    const held = touching('red_peg', 'right_finger') && anySocket('left_finger');
    const lifted = !touching('red_peg', 'table') && !anySocket('table');
    const joined = anySocket('red_peg');
    return highestStage([held, held && lifted, joined && lifted, touching('red_peg', 'pin')]);
  },
};

/** The simulated tasks by name. */
export const simTasks: Record<SimTaskName, SimTask> = { 'transfer-cube': transferCube, insertion };
