import { z } from 'zod';
import type { TransformKind } from './transform.ts';

const schema = z.strictObject({
  type: z.literal('robosuiteGripper'),
  /** Which number of an action is the gripper's. */
  index: z.int().min(0),
});

/** From a gripper of robosuite (and LIBERO), which −1 opens and 1 closes, to OpenVLA's: 1 open, 0 closed. */
export const robosuiteGripperStep: TransformKind<z.infer<typeof schema>> = {
  type: 'robosuiteGripper',
  schema,
  sizes: () => ({}),
  create: ({ index }) => ({
    encodeState: () => undefined,
    encodeAction(action) {
      action[index] = (1 - action[index]) / 2;
    },
    // Either way, at full speed.
    decodeAction(action) {
      action[index] = Math.sign(1 - 2 * action[index]);
    },
  }),
};
