import type { CameraPicture } from '../../protocol.ts';

/** A camera's newest picture, decoded. */
export interface Shown {
  bitmap: ImageBitmap;
  /** When it was taken, by performance.now(). */
  taken: number;
}

type Listener = (shown: Shown) => void;

/** One camera's pictures: while one is decoded, only the newest of those that come waits. */
interface Camera {
  shown?: Shown;
  waiting?: { jpeg: Uint8Array; taken: number };
  decoding: boolean;
  listeners: Set<Listener>;
}

const cameras = new Map<string, Camera>();

function cameraOf(name: string): Camera {
  const known = cameras.get(name);
  if (known) return known;
  const camera: Camera = { decoding: false, listeners: new Set() };
  cameras.set(name, camera);
  return camera;
}

/** Decodes a JPEG. The bitmap must be closed by the one who asked. */
export const decodeJpeg = (jpeg: Uint8Array): Promise<ImageBitmap> =>
  createImageBitmap(new Blob([jpeg as Uint8Array<ArrayBuffer>], { type: 'image/jpeg' }));

async function decodeWaiting(camera: Camera): Promise<void> {
  if (camera.decoding) return;
  camera.decoding = true;
  while (camera.waiting) {
    const { jpeg, taken } = camera.waiting;
    camera.waiting = undefined;
    try {
      const bitmap = await decodeJpeg(jpeg);
      camera.shown?.bitmap.close();
      camera.shown = { bitmap, taken };
      for (const listener of camera.listeners) listener(camera.shown);
    } catch {
      // A damaged picture is not shown: the age of the one before goes on growing.
    }
  }
  camera.decoding = false;
}

export function receivePicture({ camera: name, age, jpeg }: CameraPicture): void {
  const camera = cameraOf(name);
  camera.waiting = { jpeg, taken: performance.now() - age };
  void decodeWaiting(camera);
}

/** Calls `listener` with the camera's newest picture and each new one, until what it returns is called. */
export function watchCamera(name: string, listener: Listener): () => void {
  const { listeners, shown } = cameraOf(name);
  listeners.add(listener);
  if (shown) listener(shown);
  return () => listeners.delete(listener);
}

/** When the camera's newest picture was taken, by performance.now(); undefined before the first. */
export const takenAt = (name: string): number | undefined => cameras.get(name)?.shown?.taken;
