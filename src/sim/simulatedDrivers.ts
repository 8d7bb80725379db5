import { UserError } from '../errors.ts';
import { type Calibration, embodimentOf } from '../robot/calibration.ts';
import { fromDriver, toDriver } from '../robot/driverAngles.ts';
import type { CameraFrame, JointState, Observer, SensingRobot } from '../robot/robot.ts';
import type { SimulatedAloha } from './simulatedAloha.ts';

export interface DriverOptions {
  sim: SimulatedAloha;
  /** The calibration of the robot as it is built: its drivers' angles and its topics. */
  built: Calibration;
  /** The calibration that it is read with; may be wrong. */
  read: Calibration;
  /** Delay of a topic's images, in both stamp and arrival, seconds. */
  delays?: ReadonlyMap<string, number>;
}

/** For each joint that is read, the index of its driver's joint in the robot as it is built. */
function joinJoints(built: Calibration, read: Calibration) {
  const armOf = ({ arms }: Calibration, name: string) => arms.find((arm) => arm.name === name)!;
  return read.joints.map((joint) => {
    const arm = armOf(read, joint.arm);
    const index = built.joints.findIndex(
      (other) => other.joint === joint.joint && armOf(built, other.arm).namespace === arm.namespace,
    );
    if (index < 0)
      throw new UserError(
        `${joint.name}: the simulated robot has no ${joint.joint} at /${arm.namespace}; its arms are ${built.arms.map(({ namespace }) => namespace).join(', ')}`,
        { kind: 'mismatch', fields: [joint.name] },
      );
    const source = built.joints[index];
    const sourceArm = armOf(built, source.arm);
    return (positions: Float64Array) =>
      fromDriver(arm, joint, toDriver(sourceArm, source, positions[index]));
  });
}

function joinCameras(built: Calibration, read: Calibration) {
  const turned = read.cameras.find(({ crop, rotate }) => crop || rotate !== 0);
  if (turned)
    throw new UserError(`${turned.name}: the simulated cameras are neither cropped nor turned`, {
      kind: 'unsupported',
      fields: [turned.name],
    });
  return new Map(
    built.cameras.map(({ name, topic }) => [
      name,
      { topic, names: read.cameras.filter((other) => other.topic === topic).map((c) => c.name) },
    ]),
  );
}

/**
 * The simulated ALOHA behind drivers, built by one calibration and read by another. Images have the size of the
 * calibration that it is built by. Throws a `UserError` for joints that it does not have.
 */
export function simulatedDrivers({ sim, built, read, delays }: DriverOptions): SensingRobot {
  const joints = joinJoints(built, read);
  const cameras = joinCameras(built, read);
  let observer: Observer | undefined;
  let late: CameraFrame[] = [];

  function release(now: bigint) {
    const due = late.filter(({ stamp }) => stamp <= now);
    late = late.filter(({ stamp }) => stamp > now);
    for (const frame of due) observer?.frame(frame);
  }

  function take(frame: CameraFrame) {
    const { topic, names } = cameras.get(frame.camera)!;
    const delay = BigInt(Math.round((delays?.get(topic) ?? 0) * 1e9));
    const { width, height } = frame;
    const stamp = frame.stamp + delay;
    for (const camera of names)
      late.push({ camera, stamp, width, height, pixels: () => frame.pixels() });
    release(sim.clock.now());
  }

  return {
    embodiment: embodimentOf(read),
    clock: sim.clock,
    observe(taker) {
      observer = taker;
      sim.observe({
        joints({ stamp, position }: JointState) {
          const positions = joints.map((readJoint) => readJoint(position));
          observer?.joints({ stamp, position: Float64Array.from(positions) });
        },
        frame: take,
      });
    },
    close: () => sim.close(),
  };
}
