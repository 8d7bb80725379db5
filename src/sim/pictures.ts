import type { Camera } from '../robot/embodiment.ts';
import type { CameraFrame } from '../robot/robot.ts';
import type { MjData, MjModel, Mujoco } from './mujoco.ts';
import { type Raycaster, createRaycaster } from './raycaster.ts';

export interface ImageSize {
  width: number;
  height: number;
}

/** Renders a scene's cameras on demand. */
export class Pictures {
  private readonly mujoco: Mujoco;
  private readonly model: MjModel;
  private readonly cameras: ReadonlyMap<string, number>;
  private readonly drawn: MjData;
  private readonly raycaster: Raycaster;
  private snapshot: Float64Array | undefined;
  private closed = false;

  /** Draws MuJoCo's shape groups 0 to 2 by default. */
  constructor(
    mujoco: Mujoco,
    model: MjModel,
    cameras: ReadonlyMap<string, number>,
    drawnGroups?: readonly number[],
  ) {
    this.mujoco = mujoco;
    this.model = model;
    this.cameras = cameras;
    this.drawn = new mujoco.MjData(model);
    this.raycaster = createRaycaster(mujoco, model, drawnGroups);
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
      this.snapshot = snapshot;
    }
    return this.raycaster.render(drawn, id, width, height);
  }

  /** A camera's frame at `snapshot`. */
  frame(camera: Camera, stamp: bigint, snapshot: Float64Array): CameraFrame {
    const { name, width, height } = camera;
    let pixels: Uint8Array | undefined;
    return {
      camera: name,
      stamp,
      width,
      height,
      // eslint-disable-next-line @typescript-eslint/require-await -- a rejection, not a throw
      pixels: async () => (pixels ??= this.draw(snapshot, name, { width, height })),
    };
  }

  close(): void {
    this.closed = true;
    this.raycaster.close();
    this.drawn.delete();
  }
}
