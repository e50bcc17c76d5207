/**
 * Bare descriptors: to ask another thread costs many times what fstat and close of a file do that was opened just now or
 * was only read. Looking a name up, opening and reading may wait for a disk, and go through the thread pool.
 */
import { open, read } from 'node:fs';
import { promisify } from 'node:util';

export const openDescriptor = promisify(open);
export const readDescriptor = promisify(read);
