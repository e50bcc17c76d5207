/**
 * The packager as a library: open an asset, look at it, write any output of it, or serve it.
 *
 *     const storage = await openFileStorage('./assets');
 *     const asset = await openAsset(storage, 'my-film', 'my-film', { segmentSeconds: 6, readMovie: createMovieReader(null) });
 *     const mpd = findFormat('mpd-time-cmaf')?.writeManifest(asset.presentation, { format: 'mpd-time-cmaf', extra: [], audioOnly: false });
 */
export { createLibrary, type Library, type LibraryOptions } from './asset/library.ts';
export { openAsset, type Asset, type OpenOptions } from './asset/open.ts';
export { createMovieReader } from './asset/reader.ts';
export { createSidecarCache } from './asset/sidecar.ts';
export { ERRORS, IsomerError, type ErrorCode, type ErrorDetail, type ErrorKind } from './errors.ts';
export { findFormat, FORMATS, type ByteRange, type ChildParameters, type Format, type SegmentPlan, type SegmentWindow } from './formats.ts';
export { createLog, NO_LOG, type Log, type LogFields, type LogLevel } from './log.ts';
export { applyFilters, type Filter, type FilterOptions } from './model/filter.ts';
export type { Codec } from './model/codec.ts';
export type { Presentation, SwitchingSet, Track } from './model/presentation.ts';
export type { Timeline } from './model/timeline.ts';
export { planBody, sendBody, type BodyPlan, type Sink } from './origin/body.ts';
export { FOLDER_CATALOG, type Catalog, type Publication } from './origin/catalog.ts';
export { createProtector, type ProtectionOptions, type Protector } from './origin/encryption.ts';
export { handle, type HandlerDeps, type HandlerSettings, type Reply, type Request } from './origin/handler.ts';
export { createPool, type BufferPool } from './origin/pool.ts';
export { startServer, type OriginServer, type ServerOptions } from './origin/server.ts';
export { parseUrl, printUrl, type Resource, type StreamRequest } from './origin/url.ts';
export { createFileCatalog, type FileCatalog, type FileCatalogOptions } from './policy/catalog.ts';
export { ContentKey } from './protection/contentkey.ts';
export { openFileStorage } from './storage/file.ts';
export { openRoot, type OpenedRoot, type Surroundings } from './storage/open.ts';
export { createMemoryStorage } from './storage/memory.ts';
export type { Entry, Source, Storage } from './storage/storage.ts';
