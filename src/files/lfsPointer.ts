/** The start of a Git LFS pointer, which stands in for a file that was not fetched. */
const BEGINNING = 'version https://git-lfs.github.com/';

/** Bytes at the start of a file that identify a pointer. */
export const LFS_BYTES = BEGINNING.length;

/** Whether a file that starts with this text is a Git LFS pointer. */
export const isLfsPointer = (text: string): boolean => text.startsWith(BEGINNING);

/** Error message for a pointer, after its path. */
export const LFS_REMEDY =
  'is a Git LFS pointer instead of the file itself; fetch that with `git lfs pull`, or download it again';
