/** A small blob store over HTTP for tests: ranges, conditions, lists as Azure's service and S3 have them, a signature in the query, faults on demand. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type StoredFiles = Map<string, Uint8Array>;
/** True: the request is answered, or never will be. */
export type Fault = (request: IncomingMessage, response: ServerResponse, count: number) => boolean;

export type BlobStore = {
  /** Without the query. */
  readonly origin: string;
  /** `container/folder/file` to bytes. */
  readonly files: StoredFiles;
  /** `GET /path range` of each request so far. */
  readonly asked: string[];
  fault: Fault | null;
  /** Entries in one page of a list. */
  pageSize: number;
  stop(): Promise<void>;
};

/** `account`: the first segment of every path; '' : none. Requests without `sig=SIGNATURE` are refused when `signature` is given. */
export async function startBlobStore(files: StoredFiles, { account = '', signature = '' } = {}): Promise<BlobStore> {
  const counts = new Map<string, number>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://store');
    const line = `${request.method} ${url.pathname}${request.headers.range === undefined ? '' : ` ${request.headers.range}`}`;
    store.asked.push(line);
    const count = (counts.get(line) ?? 0) + 1;
    counts.set(line, count);
    if (store.fault?.(request, response, count) === true) return;
    if (signature !== '' && url.searchParams.get('sig') !== signature) return void response.writeHead(403).end();
    const segments = url.pathname.split('/').filter((segment) => segment !== '').map(decodeURIComponent);
    if (account !== '' && segments.shift() !== account) return void response.writeHead(404).end();
    if (url.searchParams.get('list-type') === '2') listObjects(store, segments[0] ?? '', url.searchParams, response);
    else if (url.searchParams.get('comp') === 'list') list(store, segments[0], url.searchParams, response);
    else serve(files.get(segments.join('/')), request, response);
  });
  const store: BlobStore = {
    origin: '',
    files,
    asked: [],
    fault: null,
    pageSize: 5000,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(store, { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

export function etagOf(bytes: Uint8Array): string {
  return `"0x${createHash('sha256').update(bytes).digest('hex').slice(0, 15).toUpperCase()}"`;
}

function serve(bytes: Uint8Array | undefined, { method, headers }: IncomingMessage, response: ServerResponse): void {
  if (bytes === undefined) return void response.writeHead(404).end('<Error><Code>BlobNotFound</Code></Error>');
  const etag = etagOf(bytes);
  if (headers['if-match'] !== undefined && headers['if-match'] !== etag) return void response.writeHead(412).end();
  const range = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '');
  const [from, to] = range === null ? [0, bytes.length - 1] : [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)];
  if (range !== null && from >= bytes.length) return void response.writeHead(416).end();
  const part = bytes.subarray(from, to + 1);
  response.writeHead(range === null ? 200 : 206, { etag, 'content-length': part.length, ...(range === null ? {} : { 'content-range': `bytes ${from}-${to}/${bytes.length}` }) });
  response.end(method === 'HEAD' ? undefined : part);
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** List Blobs and List Containers (REST service 2021-12-02): an XML declaration behind a byte order mark, pages by a marker. */
function list({ files, pageSize }: BlobStore, container: string | undefined, query: URLSearchParams, response: ServerResponse): void {
  const names = [...files.keys()].sort();
  const prefix = container === undefined ? '' : `${container}/${query.get('prefix') ?? ''}`;
  if (container !== undefined && !names.some((name) => name.startsWith(`${container}/`))) return void response.writeHead(404).end();
  const rows = new Map<string, string>();
  for (const name of names.filter((each) => each.startsWith(prefix))) {
    const rest = name.slice(prefix.length);
    const slash = rest.indexOf('/');
    const within = name.slice((container ?? '').length + (container === undefined ? 0 : 1));
    if (container === undefined) rows.set(rest.slice(0, slash), `<Container><Name>${escaped(rest.slice(0, slash))}</Name><Properties><Etag>x</Etag></Properties></Container>`);
    else if (slash >= 0) rows.set(rest.slice(0, slash + 1), `<BlobPrefix><Name>${escaped(within.slice(0, within.length - rest.length + slash + 1))}</Name></BlobPrefix>`);
    else rows.set(rest, `<Blob><Name>${escaped(within)}</Name><Properties><Content-Length>${files.get(name)?.length ?? 0}</Content-Length><Content-MD5 /></Properties><OrMetadata /></Blob>`);
  }
  const all = [...rows.values()];
  const start = Number(query.get('marker') ?? '0');
  const next = start + pageSize < all.length ? String(start + pageSize) : '';
  const page = all.slice(start, start + pageSize).join('');
  const body = container === undefined ? `<Containers>${page}</Containers>` : `<Blobs>${page}</Blobs>`;
  response.writeHead(200, { 'content-type': 'application/xml' });
  response.end(`\uFEFF<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="http://store/"><Delimiter>/</Delimiter>${body}<NextMarker>${next}</NextMarker></EnumerationResults>`);
}

/** ListObjectsV2: continuation tokens that must be encoded. */
function listObjects({ files, pageSize }: BlobStore, bucket: string, query: URLSearchParams, response: ServerResponse): void {
  const names = [...files.keys()].filter((name) => name.startsWith(`${bucket}/`)).map((name) => name.slice(bucket.length + 1)).sort();
  if (names.length === 0) return void response.writeHead(404).end('<Error><Code>NoSuchBucket</Code></Error>');
  const prefix = query.get('prefix') ?? '';
  const rows = new Map<string, string>();
  for (const name of names.filter((each) => each.startsWith(prefix))) {
    const slash = name.indexOf('/', prefix.length);
    const key = slash < 0 ? name : name.slice(0, slash + 1);
    rows.set(key, slash < 0 ? `<Contents><Key>${escaped(key)}</Key><ETag>&quot;x&quot;</ETag><Size>${files.get(`${bucket}/${key}`)?.length ?? 0}</Size><StorageClass>STANDARD</StorageClass></Contents>` : `<CommonPrefixes><Prefix>${escaped(key)}</Prefix></CommonPrefixes>`);
  }
  const all = [...rows.values()];
  const start = Number((query.get('continuation-token') ?? 'a+/=0').slice('a+/='.length));
  const next = start + pageSize < all.length ? `<NextContinuationToken>a+/=${start + pageSize}</NextContinuationToken>` : '';
  response.writeHead(200, { 'content-type': 'application/xml' });
  response.end(`<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${bucket}</Name><Prefix>${escaped(prefix)}</Prefix><IsTruncated>${next !== ''}</IsTruncated>${all.slice(start, start + pageSize).join('')}${next}</ListBucketResult>`);
}
