import { fileURLToPath } from 'node:url';

/** Path of a file or folder that comes with Nalu, as `models/aloha-mini`. */
export const packagePath = (path: string): string =>
  fileURLToPath(new URL(`../../../${path}`, import.meta.url));
