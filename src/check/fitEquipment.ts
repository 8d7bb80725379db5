import { UserError } from '../errors.ts';
import { shapeOf } from '../policy/families/registry.ts';
import { makeTransforms } from '../policy/vectors/transforms.ts';
import { describeModeFault, modeFault } from '../robot/operatingModes.ts';
import { untrainedFor } from '../robot/tasks.ts';
import { embodimentFault } from '../robot/embodiment.ts';
import { brightness } from '../images/pictureFigures.ts';
import type { Misfit, FitCase, RobotCase } from './case.ts';

export function embodimentName({ policy, robot }: FitCase): Misfit[] {
  const message = embodimentFault(policy.embodiment, robot.name);
  return message === undefined ? [] : [{ severity: 'error', subject: 'embodiment', message }];
}

/** A policy does what its demonstrations were of. */
export function trainedTask({ policy, prompt }: FitCase): Misfit[] {
  const message = untrainedFor(policy.tasks, prompt);
  return message === undefined ? [] : [{ severity: 'warning', subject: 'task', message }];
}

/** Compares the length of the robot's vectors with the policy's transforms and dimensions. */
export function jointCount({ policy, robot, position }: FitCase): Misfit[] {
  const error = (message: string): Misfit[] => [{ severity: 'error', subject: 'joints', message }];
  if (position.length !== robot.joints.length)
    return error(
      `${position.length} joints were measured, the calibration has ${robot.joints.length}; correct its list of joints`,
    );
  try {
    makeTransforms(policy.transforms, shapeOf(policy)).state(position);
    return [];
  } catch (problem) {
    if (!(problem instanceof UserError)) throw problem;
    return error(problem.message);
  }
}

export function cameraNames({ policy, robot }: FitCase): Misfit[] {
  const there = robot.cameras.map(({ name }) => name);
  const missing = policy.cameras.filter((camera) => !there.includes(camera));
  const unused = there.filter((camera) => !policy.cameras.includes(camera));
  return [
    ...missing.map((camera): Misfit => ({
      severity: 'error',
      subject: camera,
      message: `the policy looks through ${camera}, the robot has ${there.join(', ') || 'no cameras'}; give the camera at that place this name in the calibration`,
    })),
    ...unused.map((camera): Misfit => ({
      severity: 'note',
      subject: camera,
      message: `the policy does not look through ${camera}`,
    })),
  ];
}

/** Images are resized with padding to the policy's input size; enlarging them adds no detail. */
export function cameraSizes({ policy, robot }: FitCase): Misfit[] {
  const { images } = shapeOf(policy);
  return robot.cameras
    .flatMap((camera) => {
      const read = images[policy.cameras.indexOf(camera.name)];
      return read === undefined ? [] : [{ ...camera, read }];
    })
    .filter(({ width, height, read }) => width < read.width && height < read.height)
    .map(({ name, width, height, read }) => ({
      severity: 'warning',
      subject: name,
      message: `${name}'s images of ${width}×${height} are enlarged to the policy's ${read.width}×${read.height}; let the camera send larger ones, or crop less`,
    }));
}

export function exposure({ pictures, exposure }: RobotCase): Misfit[] {
  return pictures.flatMap(({ camera, pixels }): Misfit[] => {
    const [least, greatest] = exposure?.get(camera) ?? [0, 255];
    const mean = brightness(pixels);
    if (mean >= least && mean <= greatest) return [];
    const [word, advice] =
      mean < least
        ? ['dark', 'take the lens cap off, switch the light on or expose longer']
        : ['bright', 'expose less, or shade the camera'];
    return [
      {
        severity: 'warning',
        subject: camera,
        message: `${camera}'s image is too ${word}: mean brightness ${mean.toFixed(0)}, calibrated for ${least} to ${greatest}; ${advice}`,
      },
    ];
  });
}

export function identicalPictures({ pictures }: RobotCase): Misfit[] {
  return pictures.flatMap(({ camera, pixels }, index): Misfit[] => {
    const twin = pictures
      .slice(0, index)
      .find((other) => Buffer.compare(other.pixels, pixels) === 0);
    if (!twin) return [];
    return [
      {
        severity: 'error',
        subject: `${twin.camera}, ${camera}`,
        message: `${twin.camera} and ${camera} show the same picture, pixel by pixel; correct their topics in the calibration`,
      },
    ];
  });
}

/** Cameras with grey images, such as a driver's mono8. */
export function greyPictures({ pictures }: RobotCase): Misfit[] {
  return pictures
    .filter(({ pixels }) => isGrey(pixels))
    .map(({ camera }) => ({
      severity: 'warning',
      subject: camera,
      message: `${camera}'s image has no colour (red, green and blue are the same in every pixel); have its driver publish rgb8 if the policy was trained on colour`,
    }));
}

/** Whether an image is grey but not uniform. */
function isGrey(pixels: Uint8Array): boolean {
  for (let i = 0; i < pixels.length; i += 3)
    if (pixels[i] !== pixels[i + 1] || pixels[i] !== pixels[i + 2]) return false;
  return pixels.some((value) => value !== pixels[0]);
}

/** Drivers whose operating mode does not accept position commands. */
export function operatingModes({ modes = [] }: RobotCase): Misfit[] {
  return modes.flatMap((found): Misfit[] => {
    const wrong = modeFault(found);
    if (!wrong) return [];
    return [{ severity: 'error', subject: found.namespace, message: describeModeFault(wrong) }];
  });
}
