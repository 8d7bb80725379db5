import { fileURLToPath } from 'node:url';

/** Path of a file or folder shipped with Nalu, such as `models/aloha-mini`. */
export const packagePath = (path: string): string =>
  fileURLToPath(new URL(`../../../${path}`, import.meta.url));
