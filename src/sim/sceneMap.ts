import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { packagePath } from '../files/packagePath.ts';
import { readYaml, validate } from '../validate.ts';
import { find, type MjModel, type Mujoco } from './mujoco.ts';
import { uniform } from './random.ts';
import { SIM_TASK_NAMES, type SimTaskName } from './taskNames.ts';
import { simTasks } from './tasks.ts';
import { type ArmJoint, ARM_JOINTS, type ArmJointName } from './viperx.ts';

/** Mappings of published scenes, chosen by a scene's names. */
const SHIPPED = packagePath('calibration/scenes');

/** The mapping whose names, but for the cameras, the built-in scene has. */
const BUILT_IN = join(SHIPPED, 'gym-aloha.yaml');

const CAMERAS = ['cam_high', 'cam_low', 'cam_left_wrist', 'cam_right_wrist'] as const;

const name = z.string().min(1);
const range = z
  .tuple([z.number(), z.number()])
  .refine(([least, greatest]) => least <= greatest, 'give the lesser number first');

const objectSchema = z.strictObject({
  /** The object's free joint. */
  joint: name,
  /** Where its centre is at the start of an attempt, m in the scene's frame. */
  x: range,
  y: range,
  z: z.number(),
});

/** A geom by its name, or every geom of a body: published scenes name few of their geoms. */
const shapeSchema = z.union(
  [name, z.strictObject({ body: name })],
  'give the name of a geom, or { body: NAME } for all geoms of a body',
);

const taskSchema = (task: SimTaskName) => {
  const { objects, shapes } = simTasks[task];
  return z.strictObject({
    /** The published file, which is named where another one cannot be used. */
    file: name.optional(),
    /** Whether the scene may have none of the objects: it is then a robot without a task. */
    optional: z.boolean().default(false),
    objects: z.array(objectSchema).length(objects),
    /** The scene's geoms for each shape that the reward uses. */
    geoms: z.strictObject(Object.fromEntries(shapes.map((shape) => [shape, shapeSchema]))),
  });
};

const named = <Key extends string, Value extends z.ZodType>(
  keys: readonly Key[],
  value: (key: Key) => Value,
) => z.strictObject(Object.fromEntries(keys.map((key) => [key, value(key)])) as Record<Key, Value>);

const armSchema = named(Object.keys(ARM_JOINTS) as ArmJointName[], () => name);

const sceneMapSchema = z.strictObject({
  /** Where gym-aloha's frame lies in the scene, m: its bases stand at (±0.469, 0.5, 0). */
  origin: z.tuple([z.number(), z.number(), z.number()]).default([0, 0, 0]),
  /** The scene's cameras by the simulator's names. */
  cameras: named(CAMERAS, () => name.optional()),
  /** The scene's joints. */
  arms: z.strictObject({ left: armSchema, right: armSchema }),
  /** Positions of the left finger's joint, m. */
  gripper: z.strictObject({
    closed: z.number(),
    open: z.number(),
    /** What its joint and its actuator's control reach at least. */
    travel: range,
    /** The right finger's position is so many times the left one's. */
    right: z.union([z.literal(1), z.literal(-1)], 'give 1 or -1').default(-1),
  }),
  tasks: named(SIM_TASK_NAMES, (task) => taskSchema(task).optional()),
});

/** How a scene's names, gripper and start ranges correspond to the simulator's. */
export type SceneMap = z.infer<typeof sceneMapSchema> & {
  /** Where it was read from. */
  file: string;
};

/** A task in a scene. */
export type MappedTask = NonNullable<SceneMap['tasks'][SimTaskName]>;

/** Reads a mapping. Throws a `UserError` that names file and field. */
export const loadSceneMap = async (file: string): Promise<SceneMap> => ({
  ...validate(sceneMapSchema, await readYaml(file), file),
  file,
});

/** The mapping of the built-in scene, and of others with the same names of cameras. */
export const builtInMap = async (): Promise<SceneMap> => ({
  ...(await loadSceneMap(BUILT_IN)),
  cameras: {},
});

/** Whether a model has every camera and every joint of the arms that a mapping names. */
function fits(mujoco: Mujoco, model: MjModel, { cameras, arms }: SceneMap): boolean {
  const joints = [...Object.values(arms.left), ...Object.values(arms.right)];
  return (
    Object.values(cameras).every((camera) => find(mujoco, model, 'camera', camera) !== undefined) &&
    joints.every((joint) => find(mujoco, model, 'joint', joint) !== undefined)
  );
}

/** The shipped mapping whose cameras and joints a scene has; that of the built-in scene where none fits. */
export async function mapFor(mujoco: Mujoco, model: MjModel): Promise<SceneMap> {
  const files = (await readdir(SHIPPED)).filter((file) => file.endsWith('.yaml')).sort();
  for (const file of files) {
    const map = await loadSceneMap(join(SHIPPED, file));
    if (fits(mujoco, model, map)) return map;
  }
  return builtInMap();
}

type Range = [number, number];

const mirrored = ([least, greatest]: Range): Range => [-greatest, -least];

/** The 16 joints of both arms: each arm's six, its left and its right finger. */
export function jointsIn({ arms, gripper: { travel, right } }: SceneMap): ArmJoint[] {
  const ranges = { left_finger: travel, right_finger: right < 0 ? mirrored(travel) : travel };
  return [arms.left, arms.right].flatMap((arm) =>
    (Object.keys(ARM_JOINTS) as ArmJointName[]).map((joint) => ({
      ...ARM_JOINTS[joint],
      name: arm[joint],
      ...(joint in ranges && { range: ranges[joint as keyof typeof ranges] }),
    })),
  );
}

/** Poses [x y z qw qx qy qz] of a task's objects at the start of a seeded attempt, each upright within its range. */
export function placed({ objects }: Pick<MappedTask, 'objects'>, seed: number): number[][] {
  const draw = uniform(seed);
  const within = ([least, greatest]: [number, number]) => least + draw() * (greatest - least);
  return objects.map(({ x, y, z }) => [within(x), within(y), z, 1, 0, 0, 0]);
}
