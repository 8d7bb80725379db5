import { UserError } from '../errors.ts';
import type { Size } from '../images/scaling.ts';
import type { Integration } from '../policy/integration.ts';
import type { JoinKind } from '../policy/joinKinds.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import { ALOHA_CLIENT_CAMERAS, type Order } from './layouts.ts';
import { type PolicyMetadata, naluFields, policyMetadata } from './metadata.ts';
import type { WireMap } from './wire.ts';

/** What is agreed with a server: what it is sent, and what it answers. */
export interface Contract {
  name: string;
  version: string;
  embodiment: string;
  cameras: readonly string[];
  /** Sizes of the images to send, in the order of the cameras. */
  sizes: readonly Size[];
  /** The axes of the images to send: Nalu's server takes them as a camera has them. */
  order: Order;
  /** Numbers of a state and of an action. */
  joints: number;
  /** Rows of a chunk; undefined until a first reply tells. */
  horizon?: number;
  executeSteps?: number;
  /** How its chunks join the one in play. */
  join: JoinKind;
  /** [horizon, actionDim] of the noise that it takes; undefined if it takes none. */
  noise?: readonly [number, number];
  integration?: Integration;
}

/** Pixels of the sides of openpi's images. */
const OPENPI_SIDE = 224;

/** Layouts in which states and images are sent by their own names. */
const NAMED_LAYOUTS = ['aloha', 'nalu'];

function naluContract(metadata: PolicyMetadata, url: string): Contract {
  const { layout, images, joints, actions } = metadata;
  if (!NAMED_LAYOUTS.includes(layout) || actions !== joints)
    throw new UserError(
      `${url} serves a policy for openpi's ${layout} clients: its actions are no positions of a robot's joints`,
      { kind: 'mismatch', subject: url },
    );
  const sizes = images.map(([height, width]) => ({ width, height }));
  return { ...metadata, sizes, order: 'HWC' };
}

/** What openpi's ALOHA clients send, by the cameras that the robot has. */
function alohaContract(robot: Embodiment, url: string): Contract {
  const cameras = robot.cameras
    .map(({ name }) => name)
    .filter((name) => ALOHA_CLIENT_CAMERAS.includes(name));
  if (cameras.length === 0)
    throw new UserError(
      `${url} is asked as openpi's ALOHA clients do, by ${ALOHA_CLIENT_CAMERAS.join(', ')}; the robot has none of these cameras`,
      { kind: 'mismatch', subject: url },
    );
  return {
    name: 'openpi',
    version: url,
    embodiment: 'aloha',
    cameras,
    sizes: cameras.map(() => ({ width: OPENPI_SIDE, height: OPENPI_SIDE })),
    order: 'CHW',
    joints: robot.joints.length,
    join: 'swap',
  };
}

/**
 * The contract with a server: as Nalu's states it in its metadata, or that of openpi's ALOHA clients. Throws a
 * `UserError` for a policy that cannot move this robot.
 */
export function contractOf(metadata: WireMap, robot: Embodiment, url: string): Contract {
  const fields = naluFields(metadata, policyMetadata, `${url}: its metadata`);
  const contract = fields ? naluContract(fields, url) : alohaContract(robot, url);
  if (contract.joints !== robot.joints.length)
    throw new UserError(
      `${url}: its policy has ${contract.joints} joints, the robot has ${robot.joints.length}; take a policy for this robot`,
      { kind: 'mismatch', subject: url },
    );
  return contract;
}

/** Why a server that was connected to again cannot go on for the one before; undefined where it can. */
export function changeOf(before: Contract, now: Contract): string | undefined {
  const fields = ['embodiment', 'cameras', 'sizes', 'joints', 'horizon', 'noise', 'join'] as const;
  const changed = fields.find(
    (field) =>
      now[field] !== undefined && JSON.stringify(before[field]) !== JSON.stringify(now[field]),
  );
  return changed;
}
