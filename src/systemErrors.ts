import { UserError, messageOf } from './errors.ts';

/** What a system call's name means for what it was done to; others are named as they are. */
const FAILURES: Record<string, string> = {
  access: 'cannot be used',
  bind: 'cannot be listened at',
  connect: 'cannot be reached',
  copyfile: 'cannot be copied',
  link: 'cannot be linked to',
  listen: 'cannot be listened at',
  lstat: 'cannot be looked at',
  mkdir: 'cannot be made',
  mkdtemp: 'cannot be made',
  open: 'cannot be opened',
  opendir: 'cannot be read',
  read: 'cannot be read',
  rename: 'cannot be renamed',
  rm: 'cannot be removed',
  rmdir: 'cannot be removed',
  scandir: 'cannot be read',
  spawn: 'cannot be started',
  stat: 'cannot be looked at',
  statfs: 'cannot be looked at',
  symlink: 'cannot be linked to',
  unlink: 'cannot be removed',
  write: 'cannot be written',
};

/** Why a system call fails, and what a person can do. */
const CAUSES: Record<string, string> = {
  EACCES: 'this user may not; change who may, or give another path',
  EADDRINUSE: 'another process listens there; end it, or give another port',
  EADDRNOTAVAIL: 'this machine has no such address; give one that it has',
  EAGAIN: 'the system has no room for it now; end other processes and try again',
  EAI_AGAIN: 'no name server answers; is the network up?',
  EBUSY: 'another process is using it; end that one and try again',
  ECONNREFUSED: 'nobody listens there; start the other side first',
  ECONNRESET: 'the other side ended the connection; start it again',
  EDQUOT: "this user's share of the disk is used up; make room",
  EEXIST: 'something of that name is there already; give another path, or move it away',
  EFBIG: 'the file would become too large for its file system; give another path',
  EHOSTUNREACH: 'no way leads to that machine; is it on, and the network up?',
  EIO: 'the disk or device reports a fault; look into the system log',
  EISDIR: 'it is a folder, where a file is needed; give a file',
  ELOOP: 'its symbolic links lead in a circle; give another path',
  EMFILE: 'this process has too many files open; raise the limit with ulimit -n',
  ENAMETOOLONG: 'its name is too long; give a shorter one',
  ENETUNREACH: 'no network leads there; is the network up?',
  ENFILE: 'the system has too many files open; end other processes',
  ENODEV: 'there is no such device; give another path',
  ENOENT: 'there is no such file or folder; is the path right?',
  ENOMEM: 'the system has no memory left for it; end other processes',
  ENOSPC: 'the disk is full; make room',
  ENOTDIR: 'a part of its path is a file, where a folder is needed; give another path',
  ENOTEMPTY: 'the folder is not empty; give another path, or empty it',
  ENOTFOUND: 'no machine of that name is known; is the name right?',
  ENOTSUP: 'its file system cannot do that; give a path on another one',
  ENXIO: 'there is no such device; give another path',
  EPERM: 'this user may not; change who may, or give another path',
  EPROTO: 'the other side speaks another protocol; is the address right, with or without TLS?',
  EROFS: 'its file system is read-only; give a path on another one',
  ESTALE: 'its network file system has lost it; mount that again',
  ETIMEDOUT: 'the other side does not answer; is it running?',
  ETXTBSY: 'it is a program that is running; give another path',
  EXDEV: 'the two paths are on different file systems; give paths on one',
};

interface SystemError extends Error {
  code: string;
  syscall: string;
  path?: string;
  dest?: string;
  address?: string;
  port?: number;
}

/** Whether a call of the system failed. */
export const isSystemError = (thrown: unknown): thrown is SystemError =>
  thrown instanceof Error &&
  'syscall' in thrown &&
  typeof thrown.syscall === 'string' &&
  'code' in thrown &&
  typeof thrown.code === 'string';

function subjectOf({ path, dest, address, port }: SystemError): string | undefined {
  if (path !== undefined) return dest === undefined ? path : `${path} → ${dest}`;
  if (address !== undefined) return port === undefined ? address : `${address}:${port}`;
  return undefined;
}

/** Why a system call failed, and what to do; the message of anything else. Names no path: that is the caller's. */
export function reasonOf(thrown: unknown): string {
  if (!isSystemError(thrown)) return messageOf(thrown);
  return CAUSES[thrown.code] ?? thrown.message.split(`, ${thrown.syscall}`)[0];
}

/** The error of a file or folder that cannot be read, with what to do. */
export const unreadable = (path: string, error: unknown): UserError =>
  new UserError(`${path}: cannot be read: ${reasonOf(error)}`, { cause: error, subject: path });

/** A failed system call as a sentence: what, why, what to do. */
function systemSentence(error: SystemError): string {
  const [call] = error.syscall.split(' ');
  const failure = FAILURES[call] ?? `${error.syscall} failed`;
  const subject = subjectOf(error);
  return [
    ...(subject === undefined ? [] : [subject]),
    subject === undefined ? `a call of the system failed (${error.syscall})` : failure,
    reasonOf(error),
  ].join(': ');
}

/**
 * What a person is told of anything thrown, where they can mend it: a `UserError`'s message, or a sentence
 * about a failed system call. Undefined for a fault of the program, of which the stack is wanted.
 */
export function toldOf(thrown: unknown): string | undefined {
  if (thrown instanceof UserError) return thrown.message;
  return isSystemError(thrown) ? systemSentence(thrown) : undefined;
}
