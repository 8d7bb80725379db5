import { setImmediate } from 'node:timers/promises';
import type { Camera } from '../robot/embodiment.ts';
import type { CameraFrame } from '../robot/robot.ts';
import type { MjData, MjModel, Mujoco } from './mujoco.ts';
import { type Raycaster, createRaycaster } from './raycaster.ts';

export interface ImageSize {
  width: number;
  height: number;
}

/** How cameras are drawn. */
export interface PictureOptions {
  /** MuJoCo's shape groups that are drawn; by default 0 to 2. */
  drawnGroups?: readonly number[];
  /** Draws a frame at a time and lets what is due go first, as a control step: a picture takes milliseconds. */
  inTurn?: boolean;
  /** Moves the cameras, once they stand in their pose. */
  move?: (posed: MjData) => void;
}

/** Renders a scene's cameras on demand. */
export class Pictures {
  private readonly mujoco: Mujoco;
  private readonly model: MjModel;
  private readonly cameras: ReadonlyMap<string, number>;
  private readonly drawn: MjData;
  private readonly raycaster: Raycaster;
  private readonly inTurn: boolean;
  private readonly move: PictureOptions['move'];
  private turn: Promise<unknown> = Promise.resolve();
  private snapshot: Float64Array | undefined;
  private closed = false;

  constructor(
    mujoco: Mujoco,
    model: MjModel,
    cameras: ReadonlyMap<string, number>,
    { drawnGroups, inTurn = false, move }: PictureOptions = {},
  ) {
    this.mujoco = mujoco;
    this.model = model;
    this.cameras = cameras;
    this.drawn = new mujoco.MjData(model);
    this.raycaster = createRaycaster(mujoco, model, drawnGroups);
    this.inTurn = inTurn;
    this.move = move;
  }

  /** RGB8 [height, width, 3] of the scene at `snapshot` (qpos); cameras of one snapshot share its kinematics. */
  draw(snapshot: Float64Array, camera: string, { width, height }: ImageSize): Uint8Array {
    if (this.closed) throw new Error('The simulated ALOHA was used after close(); start another.');
    const id = this.cameras.get(camera);
    if (id === undefined) throw new Error(`No camera "${camera}" in this scene.`);
    const { mujoco, model, drawn } = this;
    if (this.snapshot !== snapshot) {
      (drawn.qpos as Float64Array).set(snapshot);
      mujoco.mj_kinematics(model, drawn);
      mujoco.mj_comPos(model, drawn);
      mujoco.mj_camlight(model, drawn);
      this.move?.(drawn);
      this.snapshot = snapshot;
    }
    return this.raycaster.render(drawn, id, width, height);
  }

  /** A camera's frame at `snapshot`, drawn when its pixels are first asked for. */
  frame(camera: Camera, stamp: bigint, snapshot: Float64Array): CameraFrame {
    const { name, width, height } = camera;
    let drawing: Promise<Uint8Array> | undefined;
    const draw = async () => {
      if (this.inTurn) await this.nextTurn();
      return this.draw(snapshot, name, { width, height });
    };
    return { camera: name, stamp, width, height, pixels: () => (drawing ??= draw()) };
  }

  /** Resolves after the turns asked for before, each in a pass of the event loop. */
  private nextTurn(): Promise<unknown> {
    return (this.turn = this.turn.then(() => setImmediate()));
  }

  close(): void {
    this.closed = true;
    this.raycaster.close();
    this.drawn.delete();
  }
}
