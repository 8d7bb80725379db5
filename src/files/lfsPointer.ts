/** How Git LFS begins what it leaves in the place of a file that was not fetched. */
const BEGINNING = 'version https://git-lfs.github.com/';

/** Bytes of a file that are enough to tell a pointer. */
export const LFS_BYTES = BEGINNING.length;

/** Whether a file that begins so is a pointer of Git LFS. */
export const isLfsPointer = (text: string): boolean => text.startsWith(BEGINNING);

/** What to say of a pointer, after its path. */
export const LFS_REMEDY =
  'is a Git LFS pointer in the place of the file itself; fetch that with `git lfs pull`, or download it again';
