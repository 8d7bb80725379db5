import { z } from 'zod';

/** A ROS topic from the root. */
export const topicSchema = (example: string) =>
  z.string().regex(/^(\/[A-Za-z_][A-Za-z0-9_]*)+$/, `a ROS topic from the root, as ${example}`);
