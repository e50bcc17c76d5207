/** Stored bytes behind one interface: a local folder, memory, HTTP, blob stores. Paths use `/` and never leave the root. */

/** One stored file, open for reading. */
export type Source = {
  /** Bytes. */
  readonly size: number;
  /** Changes when the content may have changed (local files: size and mtime in ns). Opaque, safe in an ETag. */
  readonly version: string;
  /** Told where nobody can choose it (local files: ctime in ns; HTTP: a strong entity tag): tells apart what name, size and version do not. For the index cache alone, as copies differ. */
  readonly identity?: string;
  /** Fills `target` from byte `offset`. Rejects with MPE_STORAGE_INVALID_RANGE when the file ends before that. */
  read(offset: number, target: Uint8Array): Promise<void>;
  close(): Promise<void>;
};

export type Entry = { readonly name: string; readonly kind: 'file' | 'folder'; readonly size: number };

export type Storage = {
  /** Opens a file. Rejects with MPE_STORAGE_RESOURCE_NOT_FOUND when there is none. */
  open(path: string): Promise<Source>;
  /** What a folder holds, sorted by name; null when there is no such folder. */
  list(path: string): Promise<readonly Entry[] | null>;
  /** Whole small file, at most `limit` bytes (ISOMER_MP4_LIMIT beyond). */
  readAll(path: string, limit: number): Promise<Uint8Array>;
};
