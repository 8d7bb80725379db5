import { ALOHA_CAMERAS } from '../../robot/aloha.ts';
import { ALOHA_ORDER } from '../../robot/jointOrder.ts';

/** What relative and absolute actions of a robot are, for a user who has to say which a policy has. */
interface ActionKinds {
  relative: string;
  absolute: string;
}

/** A robot whose published policies Nalu knows how to read. */
export interface Embodied {
  name: string;
  /** Numbers of the state, in their order. */
  joints: readonly string[];
  /** Numbers of an action, where they are others than those of the state. */
  actions?: readonly string[];
  /** Whether published configurations have these names, so that others are those of another robot. */
  isNamed: boolean;
  /** In the order of openpi's prefix: base, left wrist, right wrist. */
  cameras: readonly [string, ...string[]];
  /** The robot's names of cameras by those in published configurations. */
  cameraNames: Readonly<Record<string, string>>;
  /** Cameras in published configurations that the robot does not have: the policy has never seen anything there. */
  absent: readonly string[];
  /** openpi's mask of relative numbers. */
  deltaMask: [number, ...number[]];
  kinds: ActionKinds;
  /** Whether openpi converts its vectors to a space of its own (`adapt_to_pi`). */
  hasPiSpace: boolean;
  /** Whether lerobot has units of its own for it. */
  hasUnits: boolean;
  /** Folders below `assets` that hold statistics of this robot, as openpi calls them. */
  assets: RegExp;
}

/** Numbers of an action, by name. */
export const actionsOf = ({ joints, actions = joints }: Embodied): readonly string[] => actions;

/** The second camera of openpi's robots with one arm is its left wrist's; there is no right one. */
const oneArm = (base: string, wrist: string) => ({
  cameras: [base, wrist] as [string, string],
  cameraNames: { base_0_rgb: base, left_wrist_0_rgb: wrist },
  absent: ['right_wrist_0_rgb'],
});

const ALOHA: Embodied = {
  name: 'aloha',
  joints: ALOHA_ORDER,
  isNamed: true,
  cameras: ALOHA_CAMERAS,
  cameraNames: {
    base_0_rgb: 'cam_high',
    left_wrist_0_rgb: 'cam_left_wrist',
    right_wrist_0_rgb: 'cam_right_wrist',
    top: 'cam_high',
    high: 'cam_high',
  },
  absent: [],
  deltaMask: [6, -1, 6, -1],
  kinds: {
    relative:
      "arm joints relative to the state at the chunk's start, grippers absolute (openpi's use_delta_joint_actions: true, its default for ALOHA)",
    absolute:
      "absolute positions (use_delta_joint_actions: false, as in openpi's pi0_aloha_sim; lerobot's default)",
  },
  hasPiSpace: true,
  hasUnits: false,
  assets: /^trossen$|(^|\/)aloha(?!_sim)/,
};

/** The simulated ALOHA of gym-aloha, as openpi trains it: by the camera above the table alone. */
export const ALOHA_SIM: Embodied = {
  ...ALOHA,
  cameras: ['cam_high'],
  assets: /(^|\/)aloha_sim/,
};

const numbered = (name: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${name}_${i + 1}`);

const DROID: Embodied = {
  name: 'droid',
  joints: [...numbered('joint', 7), 'gripper'],
  isNamed: false,
  ...oneArm('exterior_image_1_left', 'wrist_image_left'),
  deltaMask: [7, -1],
  kinds: {
    relative:
      "joint positions relative to the state at the chunk's start, gripper absolute (openpi's action_space JOINT_POSITION, as in pi05_full_droid_finetune)",
    absolute: "joint velocities, or positions as they are (openpi's pi0_droid and pi05_droid)",
  },
  hasPiSpace: false,
  hasUnits: false,
  assets: /^droid$/,
};

const POSE = ['x', 'y', 'z', 'axis_angle_x', 'axis_angle_y', 'axis_angle_z'];

const LIBERO: Embodied = {
  name: 'libero',
  joints: [...POSE, 'left_finger', 'right_finger'],
  actions: [...POSE, 'gripper'],
  isNamed: false,
  ...oneArm('image', 'wrist_image'),
  cameraNames: {
    ...oneArm('image', 'wrist_image').cameraNames,
    image2: 'wrist_image',
    agentview: 'image',
    agentview_image: 'image',
    robot0_eye_in_hand_image: 'wrist_image',
  },
  deltaMask: [6, -1],
  kinds: {
    relative:
      "the simulator's actions minus the pose at the chunk's start (openpi's extra_delta_transform: true, as in pi0_libero)",
    absolute:
      "the simulator's actions as they are (extra_delta_transform: false, as in pi05_libero; what lerobot trains on LIBERO's data sets)",
  },
  hasPiSpace: false,
  hasUnits: false,
  assets: /(^|\/)libero/,
};

/** The SO-100 and SO-101 of lerobot: one arm of five joints and a jaw. */
const soArm = (name: string): Embodied => ({
  name,
  joints: ['shoulder_pan', 'shoulder_lift', 'elbow_flex', 'wrist_flex', 'wrist_roll', 'gripper'],
  isNamed: true,
  ...oneArm('front', 'wrist'),
  deltaMask: [5, -1],
  kinds: {
    relative: "joints relative to the state at the chunk's start, the jaw absolute",
    absolute: "absolute positions (lerobot's default)",
  },
  hasPiSpace: false,
  hasUnits: true,
  assets: new RegExp(`(^|[/_-])${name}`),
});

export const EMBODIMENTS = {
  aloha: ALOHA,
  droid: DROID,
  libero: LIBERO,
  so100: soArm('so100'),
  so101: soArm('so101'),
} as const satisfies Record<string, Embodied>;

export type EmbodimentName = keyof typeof EMBODIMENTS;
