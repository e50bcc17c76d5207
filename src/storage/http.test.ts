import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IsomerError } from '../errors.ts';
import { HTTP_DEFAULTS, openHttpStorage, type HttpStorage } from './http.ts';
import { azureListing } from './listing.ts';
import { openRoot } from './open.ts';
import { s3Signer } from './s3.ts';
import { etagOf, startBlobStore, type BlobStore } from './testing.ts';

const errorOf = async (promise: Promise<unknown>): Promise<IsomerError> => {
  const error = await promise.then(
    () => null,
    (caught: unknown) => caught,
  );
  if (error instanceof IsomerError) return error;
  throw new Error(`nothing was refused: ${String(error)}`);
};
const codeOf = async (promise: Promise<unknown>): Promise<string> => (await errorOf(promise)).code;

const LONG = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) & 255);
const PLAIN = { environment: {}, now: () => 0 };
const FAST = { ...HTTP_DEFAULTS, backoff: 1, timeout: 300 };

let store: BlobStore;
let storage: HttpStorage;
beforeEach(async () => {
  store = await startBlobStore(
    new Map([
      ['media/film/film.ism', Buffer.from('<smil/>')],
      ['media/film/long.mp4', LONG],
      ['media/film/a & b <ü>.mp4', Uint8Array.of(1, 2, 3)],
      ['media/film/empty', new Uint8Array(0)],
      ['media/film/deep/x', Uint8Array.of(9)],
      ['other/y', Uint8Array.of(8)],
    ]),
  );
  storage = openHttpStorage(new URL(`${store.origin}/media/`), FAST);
});
afterEach(async () => {
  await storage.close();
  await store.stop();
});

async function readPart(path: string, offset: number, length: number): Promise<Uint8Array> {
  const source = await storage.open(path);
  const target = new Uint8Array(length);
  await source.read(offset, target);
  return target;
}

describe('files over HTTP', () => {
  it('opens with one question and reads a part with another', async () => {
    const source = await storage.open('film/long.mp4');
    expect([source.size, source.identity]).toEqual([LONG.length, etagOf(LONG)]);
    const target = new Uint8Array(1000);
    await source.read(4000, target);
    expect(target).toEqual(LONG.slice(4000, 5000));
    await source.read(LONG.length, new Uint8Array(0));
    expect(store.asked).toEqual(['HEAD /media/film/long.mp4', 'GET /media/film/long.mp4 bytes=4000-4999']);
  });

  it('encodes names, and reads whole small files', async () => {
    expect(await storage.readAll('film/a & b <ü>.mp4', 10)).toEqual(Uint8Array.of(1, 2, 3));
    expect(await storage.readAll('film/empty', 10)).toEqual(new Uint8Array(0));
    expect(await codeOf(storage.readAll('film/long.mp4', 10))).toBe('ISOMER_MP4_LIMIT');
  });

  it.each(['../other/y', '/etc/passwd', 'film//x', 'film\\x', '.'])('refuses %j without asking', async (path) => {
    expect(await codeOf(storage.open(path))).toBe('MPE_STORAGE_BAD_URL_SYNTAX');
    expect(store.asked).toEqual([]);
  });

  it('says that a file ends too early', async () => {
    expect(await codeOf(readPart('film/long.mp4', LONG.length - 10, 11))).toBe('MPE_STORAGE_INVALID_RANGE');
  });

  it('gives a changed file another version, and reads nothing of it under the old one', async () => {
    const before = await storage.open('film/long.mp4');
    store.files.set('media/film/long.mp4', LONG.slice().fill(0, 0, 9));
    expect(await codeOf(before.read(0, new Uint8Array(8)))).toBe('MPE_STORAGE_PRECONDITION_FAILED');
    expect((await storage.open('film/long.mp4')).version).not.toBe(before.version);
  });

  it.each([
    [400, 'MPE_STORAGE_RESOURCE_NOT_FOUND'],
    [401, 'MPE_STORAGE_AUTHENTICATION_FAILURE'],
    [403, 'MPE_STORAGE_AUTHENTICATION_FAILURE'],
    [404, 'MPE_STORAGE_RESOURCE_NOT_FOUND'],
    [302, 'MPE_STORAGE_INTERNAL_ERROR'],
    [429, 'MPE_STORAGE_SERVER_BUSY'],
    [500, 'MPE_STORAGE_INTERNAL_ERROR'],
    [503, 'MPE_STORAGE_SERVER_BUSY'],
  ])('tells what status %i means', async (status, code) => {
    store.fault = (_, response) => (response.writeHead(status, { location: `${store.origin}/other/y` }).end(), true);
    const error = await errorOf(storage.open('film/film.ism'));
    expect([error.code, error.detail.where]).toEqual([code, 'film/film.ism']);
    expect(store.asked.filter((line) => line.includes('other'))).toEqual([]);
  });

  it('asks again where that may help, and takes up a body where it broke', async () => {
    store.fault = (request, response, count) => {
      if (request.method === 'HEAD') return count < 3 && (response.writeHead(503).end(), true);
      if (count > 1 || !(request.headers.range ?? '').startsWith('bytes=0-')) return false;
      response.writeHead(206, { etag: etagOf(LONG), 'content-range': `bytes 0-299999/${LONG.length}`, 'content-length': LONG.length });
      response.write(LONG.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 20));
      return true;
    };
    expect(await readPart('film/long.mp4', 0, LONG.length)).toEqual(LONG);
    expect(store.asked.slice(-2)).toEqual(['GET /media/film/long.mp4 bytes=0-299999', 'GET /media/film/long.mp4 bytes=100000-299999']);
  });

  it('ends with a store that does not answer, or not to the end', async () => {
    store.fault = (request) => request.method === 'GET';
    expect(await codeOf(readPart('film/long.mp4', 0, 10))).toBe('MPE_STORAGE_OPERATION_TIMED_OUT');
    store.fault = (request, response) => {
      if (request.method === 'HEAD') return false;
      response.writeHead(206, { etag: etagOf(LONG), 'content-range': `bytes 0-9/${LONG.length}` });
      response.flushHeaders();
      setTimeout(() => response.destroy(), 5);
      return true;
    };
    expect(await codeOf(readPart('film/long.mp4', 0, 10))).toBe('MPE_STORAGE_INTERNAL_ERROR');
    await store.stop();
    expect(await codeOf(storage.open('film/long.mp4'))).toBe('MPE_STORAGE_INTERNAL_ERROR');
    store = await startBlobStore(new Map());
  });

  it.each([
    ['the whole file instead of a part', { status: 200, headers: { 'content-length': LONG.length } }, 'MPE_STORAGE_INTERNAL_ERROR'],
    ['another part', { status: 206, headers: { 'content-range': `bytes 1-10/${LONG.length}` } }, 'MPE_STORAGE_INTERNAL_ERROR'],
    ['a part of a longer file', { status: 206, headers: { 'content-range': `bytes 0-9/${LONG.length + 1}` } }, 'MPE_STORAGE_PRECONDITION_FAILED'],
    ['a part of another version', { status: 206, headers: { etag: '"z"', 'content-range': `bytes 0-9/${LONG.length}` } }, 'MPE_STORAGE_PRECONDITION_FAILED'],
    ['more than the part', { status: 206, headers: { 'content-range': `bytes 0-9/${LONG.length}` } }, 'MPE_STORAGE_INTERNAL_ERROR'],
  ])('does not take %s', async (_, { status, headers }, code) => {
    store.fault = (request, response) => request.method === 'GET' && (response.writeHead(status, headers as Record<string, string | number>).end(LONG), true);
    expect(await codeOf(readPart('film/long.mp4', 0, 10))).toBe(code);
  });

  it('does without HEAD, without tags and without lengths of its own', async () => {
    store.fault = (request, response) => {
      if (request.method === 'HEAD') return response.writeHead(405).end(), true;
      const [, from, to] = /(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
      response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${LONG.length}`, 'last-modified': 'Thu, 01 Jan 1970 00:00:00 GMT', etag: 'W/"weak"' });
      response.end(LONG.subarray(Number(from), Number(to) + 1));
      return true;
    };
    expect((await storage.open('film/long.mp4')).identity).toBeUndefined();
    expect(await readPart('film/long.mp4', 5, 6)).toEqual(LONG.slice(5, 11));
    store.fault = (_, response) => (response.writeHead(200, { 'transfer-encoding': 'chunked' }).end(), true);
    expect(await codeOf(storage.open('film/long.mp4'))).toBe('MPE_STORAGE_INTERNAL_ERROR');
  });

  it('lists nothing where nobody says how', async () => {
    expect(await storage.list('film')).toBeNull();
    expect(await codeOf(storage.list('..'))).toBe('MPE_STORAGE_BAD_URL_SYNTAX');
  });
});

describe('lists of Azure Blob Storage', () => {
  const listed = (root: string): HttpStorage => openHttpStorage(new URL(root), { ...FAST, listing: azureListing(new URL(root)) });

  it.each([
    ['an account', '', 'media/film', ''],
    ['a container', '/media', 'film', ''],
    ['a folder', '/media/film', '', 'film'],
  ])('%s', async (_, below, path) => {
    await storage.close();
    await store.stop();
    store = await startBlobStore(store.files, { account: 'acc' });
    storage = listed(`${store.origin}/acc${below}`);
    expect(await storage.list(path)).toEqual([
      { name: 'a & b <ü>.mp4', kind: 'file', size: 3 },
      { name: 'deep', kind: 'folder', size: 0 },
      { name: 'empty', kind: 'file', size: 0 },
      { name: 'film.ism', kind: 'file', size: 7 },
      { name: 'long.mp4', kind: 'file', size: LONG.length },
    ]);
    store.pageSize = 2;
    expect(await storage.list(path)).toHaveLength(5);
    expect(await storage.list(`${path === '' ? '' : `${path}/`}missing`)).toBeNull();
  });

  it('containers are the folders of an account, and one that is not there is none', async () => {
    await storage.close();
    await store.stop();
    store = await startBlobStore(store.files, { account: 'acc' });
    storage = listed(`${store.origin}/acc`);
    expect(await storage.list('')).toEqual([{ name: 'media', kind: 'folder', size: 0 }, { name: 'other', kind: 'folder', size: 0 }]);
    expect(await storage.list('missing')).toBeNull();
  });

  it.each([
    ['no XML', 'hello'],
    ['another document', '<html></html>'],
    ['entities', '<!DOCTYPE EnumerationResults><EnumerationResults/>'],
  ])('refuses %s', async (_, body) => {
    await storage.close();
    storage = listed(`${store.origin}/acc/media`);
    store.fault = (_request, response) => (response.writeHead(200).end(body), true);
    expect(await codeOf(storage.list('film'))).toBe('MPE_STORAGE_INTERNAL_ERROR');
  });
});

describe('a root', () => {
  it('that is an address keeps its signature to itself', async () => {
    const signed = await startBlobStore(store.files, { account: 'acc', signature: 'top/secret=' });
    const root = await openRoot(`${signed.origin}/acc/media?sv=2021-12-02&sr=c&sig=${encodeURIComponent('top/secret=')}`, PLAIN);
    expect((await root.storage.list('film'))?.length).toBe(5);
    expect(await root.storage.readAll('film/film.ism', 100)).toEqual(new Uint8Array(Buffer.from('<smil/>')));
    expect(root.name).toBe(`${signed.origin}/acc/media`);
    expect(root.secrets).toContain('top/secret=');
    const error = await errorOf(root.storage.open('film/missing'));
    expect(JSON.stringify([error.message, error.detail])).not.toMatch(/secret|127\.0/);
    await root.close();
    const unsigned = await openRoot(`azure+${signed.origin}/acc/media`, PLAIN);
    expect(await codeOf(unsigned.storage.list('film'))).toBe('MPE_STORAGE_AUTHENTICATION_FAILURE');
    await unsigned.close();
    await signed.stop();
  });

  it.each(['http://user:pass@host/', 'https://', 'http://host/#x'])('refuses %s', async (root) => {
    expect(await codeOf(openRoot(root, PLAIN))).toBe('ISOMER_CONFIG');
  });

  it('that is a folder is one', async () => {
    const root = await openRoot(import.meta.dirname, PLAIN);
    expect((await root.storage.list(''))?.map(({ name }) => name)).toContain('http.ts');
    expect(root.secrets).toEqual([import.meta.dirname]);
    await root.close();
  });
});

describe('S3', () => {
  const KEYS = { AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE', AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };

  it('requests are signed as the service documents it', () => {
    const sign = s3Signer({ accessKeyId: KEYS.AWS_ACCESS_KEY_ID, secretAccessKey: KEYS.AWS_SECRET_ACCESS_KEY }, 'us-east-1', () => Date.UTC(2013, 4, 24));
    const { Authorization } = sign({ method: 'GET', host: 'examplebucket.s3.amazonaws.com', path: '/?max-keys=2&prefix=J' });
    // Amazon S3 API reference, "Example: GET bucket (list objects)".
    expect(Authorization).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    );
  });

  it.each([
    ['s3://media', 'film'],
    ['s3://media/film', ''],
    ['s3://media/film/', ''],
  ])('%s is listed and read, signed each time', async (address, path) => {
    const seen: string[] = [];
    store.fault = ({ headers }) => (seen.push(headers.authorization ?? 'none'), false);
    store.pageSize = 2;
    const root = await openRoot(address, { environment: { ...KEYS, AWS_SESSION_TOKEN: 'token', AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL_S3: `${store.origin}/` }, now: () => 0 });
    expect(await root.storage.list(path)).toEqual([
      { name: 'a & b <ü>.mp4', kind: 'file', size: 3 },
      { name: 'deep', kind: 'folder', size: 0 },
      { name: 'empty', kind: 'file', size: 0 },
      { name: 'film.ism', kind: 'file', size: 7 },
      { name: 'long.mp4', kind: 'file', size: LONG.length },
    ]);
    const below = path === '' ? '' : `${path}/`;
    expect(await root.storage.list(`${below}missing`)).toBeNull();
    expect(await root.storage.readAll(`${below}film.ism`, 10)).toEqual(new Uint8Array(Buffer.from('<smil/>')));
    expect(seen.every((text) => /^AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE\/19700101\/eu-west-1\/s3\/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, /.test(text))).toBe(true);
    expect([root.name, ...root.secrets]).toEqual([address, KEYS.AWS_SECRET_ACCESS_KEY, 'token']);
    await root.close();
  });

  it('without keys nothing is signed, and a bucket that is not there has no folders', async () => {
    const seen: (string | undefined)[] = [];
    store.fault = ({ headers }) => (seen.push(headers.authorization), false);
    const root = await openRoot('s3://missing', { environment: { AWS_ENDPOINT_URL: store.origin }, now: () => 0 });
    expect(await root.storage.list('')).toBeNull();
    expect(seen).toEqual([undefined]);
    await root.close();
  });

  it.each([
    ['s3://', {}],
    ['s3://UPPER_case', {}],
    ['s3://media?x', {}],
    ['s3://media', { AWS_ACCESS_KEY_ID: 'x' }],
    ['s3://media', { AWS_ENDPOINT_URL: 'ftp://x' }],
  ])('refuses %s with %o', async (address, environment) => {
    expect(await codeOf(openRoot(address, { environment, now: () => 0 }))).toBe('ISOMER_CONFIG');
  });
});
