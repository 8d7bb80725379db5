/** A MuJoCo geom in its body's frame; half sizes in metres, as MJCF has them. */
interface Shape {
  type: 'box' | 'capsule' | 'cylinder';
  size: string;
  pos?: string;
  euler?: string;
  tone: keyof typeof tones;
}

/** One link of the chain; each link's parent is the one before it. */
interface Link {
  name: string;
  pos: string;
  inertial: string;
  joint: { name: string; axis: string; range: string; frictionloss: number };
  shapes: Shape[];
}

const tones = {
  body: '0.25 0.25 0.27 1',
  motor: '0.15 0.15 0.16 1',
  metal: '0.44 0.45 0.48 1',
  finger: '0.18 0.18 0.20 1',
};

const onY = '1.5708 0 0';
const onX = '0 1.5708 0';

/** ViperX-300 6-DOF: offsets, masses, inertias, ranges and friction as gym-aloha publishes them. */
const links: Link[] = [
  {
    name: 'shoulder_link',
    pos: '0 0 0.079',
    inertial:
      'pos="0.000259 -0.000003 0.011613" quat="-0.476119 0.476083 0.52279 0.522826" mass="0.798614" diaginertia="0.00120156 0.00113744 0.0009388"',
    joint: { name: 'waist', axis: '0 0 1', range: '-3.14158 3.14158', frictionloss: 50 },
    shapes: [{ type: 'cylinder', size: '0.058 0.032', pos: '0 0 0.022', tone: 'body' }],
  },
  {
    name: 'upper_arm_link',
    pos: '0 0 0.04805',
    inertial:
      'pos="0.020695 0 0.226459" quat="0 0.0728458 0 0.997343" mass="0.792592" diaginertia="0.00911338 0.008925 0.000759317"',
    joint: { name: 'shoulder', axis: '0 1 0', range: '-1.85005 1.25664', frictionloss: 60 },
    shapes: [
      { type: 'cylinder', size: '0.034 0.05', euler: onY, tone: 'motor' },
      { type: 'box', size: '0.022 0.036 0.14', pos: '0 0 0.156', tone: 'body' },
      { type: 'box', size: '0.03 0.03 0.024', pos: '0.03 0 0.3', tone: 'body' },
    ],
  },
  {
    name: 'upper_forearm_link',
    pos: '0.05955 0 0.3',
    inertial:
      'pos="0.105723 0 0" quat="-0.000622 0.704724 0.010529 0.709403" mass="0.322228" diaginertia="0.00144107 0.00134228 0.000152047"',
    joint: { name: 'elbow', axis: '0 1 0', range: '-1.76278 1.6057', frictionloss: 60 },
    shapes: [
      { type: 'cylinder', size: '0.03 0.05', euler: onY, tone: 'motor' },
      { type: 'box', size: '0.085 0.026 0.019', pos: '0.107 0 0', tone: 'body' },
    ],
  },
  {
    name: 'lower_forearm_link',
    pos: '0.2 0 0',
    inertial:
      'pos="0.051348 0.006805 0" quat="-0.702604 -0.079672 -0.702604 0.079672" mass="0.414823" diaginertia="0.0005911 0.000546493 0.000155707"',
    joint: { name: 'forearm_roll', axis: '1 0 0', range: '-3.14158 3.14158', frictionloss: 30 },
    shapes: [{ type: 'cylinder', size: '0.027 0.05', pos: '0.046 0 0', euler: onX, tone: 'metal' }],
  },
  {
    name: 'wrist_link',
    pos: '0.1 0 0',
    inertial:
      'pos="0.046743 -0.000008 0.010565" quat="-0.001002 0.544586 0.002658 0.8387" mass="0.115395" diaginertia="5.45707e-05 4.63101e-05 4.32692e-05"',
    joint: { name: 'wrist_angle', axis: '0 1 0', range: '-1.8675 2.23402', frictionloss: 30 },
    shapes: [
      { type: 'cylinder', size: '0.025 0.036', euler: onY, tone: 'motor' },
      { type: 'box', size: '0.018 0.024 0.024', pos: '0.035 0 0', tone: 'body' },
    ],
  },
  {
    name: 'gripper_link',
    pos: '0.069744 0 0',
    inertial:
      'pos="0.039566 0 0.004006" quat="0.62033 0.619916 -0.339682 0.339869" mass="0.251652" diaginertia="0.000689546 0.000650316 0.000468142"',
    joint: { name: 'wrist_rotate', axis: '1 0 0', range: '-3.14158 3.14158', frictionloss: 30 },
    shapes: [
      { type: 'box', size: '0.02 0.022 0.027', pos: '-0.002 0 0', tone: 'motor' },
      { type: 'box', size: '0.014 0.075 0.022', pos: '0.032 0 0', tone: 'body' },
    ],
  },
];

/** Contact parameters of fingers and objects (gym-aloha). */
export const gripContact = 'condim="4" friction="1 0.005 0.0001" solref="0.01 1" solimp="2 1 0.01"';

interface Side {
  prefix: string;
  pos: string;
  euler: string;
  camera: string;
  /** Own collision bit, and the bits of everything that it may touch, without its own. */
  collision: string;
}

const sides = {
  left: {
    prefix: 'vx300s_left',
    pos: '-0.469 0.5 0',
    euler: '0 0 0',
    camera: 'cam_left_wrist',
    collision: 'contype="2" conaffinity="5"',
  },
  right: {
    prefix: 'vx300s_right',
    pos: '0.469 0.5 0',
    euler: '0 0 3.14159265358979',
    camera: 'cam_right_wrist',
    collision: 'contype="4" conaffinity="3"',
  },
} satisfies Record<string, Side>;

export type ArmSide = keyof typeof sides;

/** MuJoCo's name prefix of an arm's bodies, joints and shapes. */
export function armPrefix(side: ArmSide): string {
  return sides[side].prefix;
}

const attributes = (shape: Shape) =>
  `type="${shape.type}" size="${shape.size}" rgba="${tones[shape.tone]}"` +
  (shape.pos ? ` pos="${shape.pos}"` : '') +
  (shape.euler ? ` euler="${shape.euler}"` : '');

/** m along the hand's y axis. */
const fingerRanges = { left: '0.021 0.057', right: '-0.057 -0.021' };

function fingerXml(prefix: string, finger: 'left' | 'right'): string {
  const sign = finger === 'left' ? 1 : -1;
  const range = fingerRanges[finger];
  const twist =
    finger === 'left'
      ? '0.449364 0.449364 -0.54596 -0.54596'
      : '0.44937 -0.44937 0.545955 -0.545955';
  const y = (value: number) => (sign * value).toFixed(4);
  // The inner face lies 0.022 m inside the link's own origin, so both meet where the joint reads 0.022.
  return `
<body name="${prefix}/${finger}_finger_link" pos="0.0687 0 0">
  <inertial pos="0.017344 ${y(-0.006069)} 0" quat="${twist}" mass="0.034796" diaginertia="2.48e-05 1.417e-05 1.208e-05"/>
  <joint name="${prefix}/${finger}_finger" type="slide" axis="0 1 0" range="${range}" frictionloss="30"/>
  <geom name="${prefix}/10_${finger}_gripper_finger" ${gripContact} type="box" size="0.033 0.006 0.0125" pos="0.045 ${y(-0.016)} 0" rgba="${tones.finger}"/>
  <geom name="${prefix}/${finger}_knuckle" type="box" size="0.016 0.012 0.024" pos="-0.004 ${y(-0.01)} 0" rgba="${tones.metal}"/>
</body>`;
}

/**
 * MJCF of one arm on its base, in gym-aloha's frame: a chain of links with simple shapes, two
 * fingers, and the wrist camera at the published pose. Its field of view is 62° where gym-aloha has
 * 20°: with 96 pixels the policy needs both fingers and the table around the object in view.
 */
export function armXml(side: ArmSide): string {
  const { prefix, pos, euler, camera } = sides[side];
  const open = links
    .map(
      ({ name, pos, inertial, joint, shapes }) => `
<body name="${prefix}/${name}" pos="${pos}">
  <inertial ${inertial}/>
  <joint name="${prefix}/${joint.name}" axis="${joint.axis}" range="${joint.range}" frictionloss="${joint.frictionloss}"/>
  ${shapes.map((shape) => `<geom ${attributes(shape)}/>`).join('\n  ')}`,
    )
    .join('');
  return `
<body name="${prefix}" pos="${pos}" euler="${euler}" childclass="${prefix}">
  <geom type="box" size="0.1 0.075 0.012" pos="-0.03 0 0.012" contype="0" conaffinity="0" rgba="${tones.motor}"/>
  <geom type="box" size="0.05 0.05 0.028" pos="-0.01 0 0.05" contype="0" conaffinity="0" rgba="${tones.body}"/>
  ${open}
  <camera name="${camera}" pos="-0.1 0 0.16" xyaxes="0 -1 0 0.5145 0 0.8575" fovy="62"/>
  <body name="${prefix}/gripper_prop_link" pos="0.0485 0 0">
    <inertial pos="0.002378 0 0" quat="0 0 0.897698 0.440611" mass="0.008009" diaginertia="4.2979e-06 2.8868e-06 1.5314e-06"/>
  </body>
  ${fingerXml(prefix, 'left')}
  ${fingerXml(prefix, 'right')}
  ${'</body>'.repeat(links.length)}
</body>`;
}

/** Default class of an arm's shapes: which collisions they take part in. */
export function armDefaultsXml(side: ArmSide): string {
  const { prefix, collision } = sides[side];
  return `<default class="${prefix}"><geom ${collision}/></default>`;
}

/** Position actuators, in the order of gym-aloha's control vector: six joints, then both fingers. */
const actuators = [
  { joint: 'waist', kp: 800, force: 150 },
  { joint: 'shoulder', kp: 1600, force: 300 },
  { joint: 'elbow', kp: 800, force: 100 },
  { joint: 'forearm_roll', kp: 10, force: 100 },
  { joint: 'wrist_angle', kp: 50 },
  { joint: 'wrist_rotate', kp: 20 },
  { joint: 'left_finger', kp: 200 },
  { joint: 'right_finger', kp: 200 },
] as const satisfies { joint: string; kp: number; force?: number }[];

export type ArmJointName = (typeof actuators)[number]['joint'];

/** Range of a joint and of its actuator's control. */
const ranges = new Map<string, string>([
  ...links.map(({ joint }) => [joint.name, joint.range] as const),
  ['left_finger', fingerRanges.left] as const,
  ['right_finger', fingerRanges.right] as const,
]);

/** A joint of an arm in the scene. */
export interface ArmJoint {
  /** MuJoCo's name. */
  name: string;
  kind: 'hinge' | 'slide';
  /** Least and greatest position: rad, or m of a finger. */
  range: [number, number];
}

/** An arm's eight joints as qpos and ctrl have them: kind and range of each. */
export const ARM_JOINTS = Object.fromEntries(
  actuators.map(({ joint }) => [
    joint,
    {
      kind: joint.endsWith('finger') ? 'slide' : 'hinge',
      range: ranges.get(joint)!.split(' ').map(Number),
    },
  ]),
) as Record<ArmJointName, Omit<ArmJoint, 'name'>>;

/** MJCF of an arm's eight position actuators. */
export function armActuatorsXml(side: ArmSide): string {
  return actuators
    .map(({ joint, kp, ...limits }) => {
      const name = `${armPrefix(side)}/${joint}`;
      const force = 'force' in limits && limits.force;
      const limit = force ? ` forcerange="-${force} ${force}"` : '';
      return `<position name="${name}" joint="${name}" kp="${kp}" ctrlrange="${ranges.get(joint)}"${limit}/>`;
    })
    .join('\n');
}
