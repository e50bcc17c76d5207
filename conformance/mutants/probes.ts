/** Mutants of what is asked in another way: compressed, in other letters, by other nouns. */
import type { Answer } from '../capture/request.ts';
import { answer } from './change.ts';
import type { Mutant } from './mutants.ts';
import type { Origin } from './origin.ts';

type When = Parameters<typeof answer>[0];

const V4 = 'manifest(format=m3u8-aapl)';
const isZipped: When = (path, _, headers) => headers['accept-encoding'] === 'gzip' && path === V4;
const isNoun = (noun: string): When => (path) => path.includes(`/${noun}(`) && !path.includes('format=');

/** The answer to such a request with some of its headers changed, or left out. */
function headers(when: When, change: Readonly<Record<string, string | null>>) {
  return ({ overrides, resources }: Origin): void => {
    overrides.push((path, method, asked): Answer | null => {
      const resource = when(path, method, asked) ? resources.get(path) : undefined;
      if (resource === undefined) return null;
      const good: Record<string, string | null> = { ...resource.headers, 'content-encoding': 'gzip', vary: 'Accept-Encoding', etag: '"zipped"', ...change };
      return { status: 200, headers: Object.fromEntries(Object.entries(good).flatMap(([name, value]) => (value === null ? [] : [[name, value]]))), body: resource.body, error: null };
    });
  };
}

/** A whole fragment for a part of it. */
function wholeFor(noun: string) {
  return ({ overrides, resources }: Origin): void => {
    overrides.push((path) => {
      const resource = isNoun(noun)(path, 'GET', {}) ? resources.get(path.replace(noun, 'Fragments')) : undefined;
      return resource === undefined ? null : { status: 200, headers: resource.headers, body: resource.body, error: null };
    });
  };
}

export const PROBE_MUTANTS: readonly Mutant[] = [
  { check: 'http/compressed', name: 'a playlist is sent plain', change: headers(isZipped, { 'content-encoding': null }), warns: true },
  { check: 'http/compressed', name: 'caches are not told', change: headers(isZipped, { vary: 'Origin' }), warns: true },
  { check: 'http/compressed', name: 'both forms have one tag', change: (origin) => headers(isZipped, { etag: origin.resources.get(V4)?.headers['etag'] ?? '' })(origin), warns: true },
  { check: 'http/compressed', name: 'the compressed form is an older one', change: answer(isZipped, { headers: { 'content-encoding': 'gzip', vary: 'Accept-Encoding' } }), warns: true },
  { check: 'http/compressed', name: 'the compressed form breaks off', change: answer(isZipped, { status: 0, headers: {}, body: null, error: 'unexpected end of file' }), warns: true },
  { check: 'http/any-case', name: 'the manifest is not known by its name in the protocol', change: answer((path) => path === 'Manifest', { status: 404 }) },
  { check: 'http/any-case', name: 'fragments are not known in lower case', change: answer((path) => path.startsWith('qualitylevels'), { status: 400 }) },
  { check: 'http/any-case', name: 'other letters get another manifest', change: answer((path) => path === 'Manifest', {}) },
  { check: 'http/other-nouns', name: 'sample data are an error of the server', change: answer(isNoun('RawFragments'), { status: 500 }), warns: true },
  { check: 'http/other-nouns', name: 'key frames get no answer', change: answer(isNoun('KeyFrames'), { status: 0, headers: {}, body: null, error: 'socket hang up' }), warns: true },
  { check: 'http/other-nouns', name: 'metadata are empty', change: answer(isNoun('FragmentInfo'), { headers: { 'content-type': 'video/mp4' }, body: Buffer.alloc(0) }), warns: true },
  { check: 'http/other-nouns', name: 'a page of words comes with 200', change: answer(isNoun('FragmentInfo'), { headers: { 'content-type': 'text/html' } }), warns: true },
  { check: 'http/other-nouns', name: 'the whole fragment stands in for its metadata', change: wholeFor('FragmentInfo'), warns: true },
];
