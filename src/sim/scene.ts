import { armActuatorsXml, armDefaultsXml, armXml, gripContact } from './viperx.ts';

/** Seconds of one physics step (gym-aloha). */
const timestep = 0.002;

/** Free bodies with the published inertia; shapes, masses and contact parameters are gym-aloha's. */
const inertial = '<inertial pos="0 0 0" mass="0.05" diaginertia="0.002 0.002 0.002"/>';
const box = (name: string, pos: string, size: string, rgba: string) =>
  `<geom name="${name}" type="box" pos="${pos}" size="${size}" rgba="${rgba}" ${gripContact}/>`;
const body = (name: string, pos: string, joint: string, geoms: string[]) => `
<body name="${name}" pos="${pos}">
  <joint name="${joint}" type="free" frictionloss="0.01"/>
  ${inertial}
  ${geoms.join('\n  ')}
</body>`;

const red = '0.86 0.07 0.07 1';
const blue = '0.12 0.30 0.85 1';

/** A red cube of 4 cm. */
export const cubeXml = body('box', '0.2 0.5 0.05', 'red_box_joint', [
  box('red_box', '0 0 0', '0.02 0.02 0.02', red),
]);

/** A red peg of 12 cm, and a blue square tube with a pin in its middle that the peg is to touch. */
export const insertionXml =
  body('peg', '0.2 0.5 0.05', 'red_peg_joint', [box('red_peg', '0 0 0', '0.06 0.01 0.01', red)]) +
  body('socket', '-0.2 0.5 0.05', 'blue_socket_joint', [
    box('socket-1', '0 0 -0.02', '0.06 0.018 0.002', blue),
    box('socket-2', '0 0 0.02', '0.06 0.018 0.002', blue),
    box('socket-3', '0 0.02 0', '0.06 0.002 0.018', blue),
    box('socket-4', '0 -0.02 0', '0.06 0.002 0.018', blue),
    box('pin', '0 0 0', '0.04 0.01 0.01', red),
  ]);

/**
 * MJCF of the ALOHA scene in gym-aloha's frame: both arms, the table whose upper face is z = 0, four
 * cameras and the task's objects. `cam_high` is at the position of gym-aloha's top camera; its field of
 * view is 60° rather than 78°, so that the table between the bases fills a small image.
 */
export function alohaScene(objects: string): string {
  return `
<mujoco model="aloha">
  <compiler angle="radian" autolimits="true" eulerseq="xyz"/>
  <option timestep="${timestep}"/>
  <default>
    <geom contype="1" conaffinity="7"/>
    ${armDefaultsXml('left')}
    ${armDefaultsXml('right')}
  </default>
  <worldbody>
    <geom name="table" type="box" pos="0 0.6 -0.015" size="0.6095 0.381 0.015" rgba="0.80 0.76 0.69 1"/>
    <camera name="cam_high" pos="0 0.6 0.8" xyaxes="1 0 0 0 1 0" fovy="60"/>
    <camera name="cam_low" pos="0 -0.25 0.45" xyaxes="1 0 0 0 0.371 0.928" fovy="62"/>
    ${armXml('left')}
    ${armXml('right')}
    ${objects}
  </worldbody>
  <actuator>
    ${armActuatorsXml('left')}
    ${armActuatorsXml('right')}
  </actuator>
</mujoco>`;
}
