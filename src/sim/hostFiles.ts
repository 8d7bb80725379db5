import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { codeOf } from '../errors.ts';
import type { Mujoco } from './mujoco.ts';

/** Bytes that may be read through one mount. */
const MOST_BYTES = 2 ** 30;

/** Where the host's files appear in the engine's file system. */
const MOUNT_POINT = '/.host';

/** The engine's own folders, which are not mounted over. */
const ENGINE_FOLDERS = new Set(['dev', 'proc']);

/** The engine's error numbers. */
const NOT_THERE = 44;
const NOT_ALLOWED = 2;

/** A node of the engine's file system for a host file or folder. */
interface HostNode {
  hostPath: string;
}

/** An open file with its whole content. */
interface HostStream {
  node: HostNode;
  bytes: Buffer;
  position: number;
}

/** The host's files in the engine's file system. */
export interface HostFiles {
  /** The engine's name of an absolute path. */
  enginePath(hostPath: string): string;
  /** Replaces the engine's paths in a message by the host's. */
  hostText(engineText: string): string;
  /** Paths that the engine requested and that do not exist. */
  missing: Set<string>;
  /** Requests of the engine that were refused, with the reason. */
  refused: Set<string>;
  unmount(): void;
}

/** Redirects absolute paths to the mount, except those under /dev and /proc. */
function linkFolders({ FS }: Mujoco, root: string) {
  if (!FS.isLink((FS.lstat('/tmp') as { mode: number }).mode))
    for (const empty of ['/home/web_user', '/home', '/tmp']) FS.rmdir(empty);
  for (const name of readdirSync(root))
    if (!ENGINE_FOLDERS.has(name) && !FS.analyzePath(`/${name}`, true).exists)
      FS.symlink(`${MOUNT_POINT}/${name}`, `/${name}`);
}

/**
 * Mounts the host's file system in the engine for reading. Each file is read when the engine opens it; the total
 * number of bytes is bounded.
 */
export function mountHostFiles(mujoco: Mujoco, root: string): HostFiles {
  const { FS } = mujoco;
  const missing = new Set<string>();
  const refused = new Set<string>();
  const opened = new Set<string>();
  let bytesLeft = MOST_BYTES;

  function refuse(hostPath: string, reason: string): never {
    refused.add(`${hostPath} ${reason}`);
    throw new FS.ErrnoError(NOT_ALLOWED);
  }

  /** Calls `read` and converts system errors to the engine's. */
  function reach<Result>(hostPath: string, read: (hostPath: string) => Result): Result {
    try {
      return read(hostPath);
    } catch (error) {
      const code = codeOf(error) ?? String(error);
      if (code !== 'ENOENT' && code !== 'ENOTDIR') refuse(hostPath, `cannot be read (${code})`);
      missing.add(hostPath);
      throw new FS.ErrnoError(NOT_THERE);
    }
  }

  function getattr({ hostPath }: HostNode) {
    const stats = reach(hostPath, (file) => statSync(file));
    const { dev, ino, nlink, uid, gid, rdev, size, blksize, blocks, atime, mtime, ctime } = stats;
    const mode = stats.isDirectory() ? 0o40555 : 0o100444;
    return { dev, ino, mode, nlink, uid, gid, rdev, size, blksize, blocks, atime, mtime, ctime };
  }

  function open(stream: HostStream) {
    const { hostPath } = stream.node;
    const stats = reach(hostPath, (file) => statSync(file));
    if (stats.isDirectory()) refuse(hostPath, 'is a folder, not a file');
    if (!stats.isFile()) refuse(hostPath, 'is not a regular file');
    if (!opened.has(hostPath)) bytesLeft -= stats.size;
    opened.add(hostPath);
    if (bytesLeft < 0) refuse(hostPath, `takes what is read beyond ${MOST_BYTES / 2 ** 20} MiB`);
    stream.bytes = reach(hostPath, (file) => readFileSync(file));
  }

  function read({ bytes }: HostStream, to: Uint8Array, at: number, length: number, from: number) {
    const part = bytes.subarray(from, from + length);
    to.set(part, at);
    return part.length;
  }

  const llseek = ({ bytes, position }: HostStream, offset: number, whence: number) =>
    offset + [0, position, bytes.length][whence];

  const lookup = (parent: HostNode, name: string) =>
    nodeOf(parent, name, path.join(parent.hostPath, name));

  const operations = { node_ops: { getattr, lookup }, stream_ops: { open, read, llseek } };

  function nodeOf(parent: HostNode | null, name: string, hostPath: string): HostNode {
    const { mode } = getattr({ hostPath });
    const node = FS.createNode(parent, name, mode, 0) as object;
    return Object.assign(node, { hostPath }, operations);
  }

  FS.mkdirTree(MOUNT_POINT, 0o777);
  FS.mount({ mount: () => nodeOf(null, '/', root) }, {}, MOUNT_POINT);
  linkFolders(mujoco, root);
  return {
    enginePath: (hostPath) =>
      `${MOUNT_POINT}/${path.relative(root, hostPath).replaceAll(path.sep, '/')}`,
    hostText: (text) => text.replaceAll(`${MOUNT_POINT}/`, root),
    missing,
    refused,
    unmount: () => {
      FS.unmount(MOUNT_POINT);
    },
  };
}
