/** Operators on whole answers: the wrong thing delivered, and HTTP gone wrong. */
import type { Exchange } from '../../trace.ts';
import type { Change, Operator, Others } from './operator.ts';
import type { Random } from './random.ts';

const isMedia = ({ role }: Exchange): boolean => role.kind === 'segment' || role.kind === 'keyframe' || role.kind === 'init';
const isListed = ({ role }: Exchange): boolean => role.kind !== 'probe';
const isProbe = ({ role }: Exchange): boolean => role.kind === 'probe';

type MediaRole = Exclude<Exchange['role'], { kind: 'probe' }>;
type Input = { readonly exchange: Exchange; readonly body: Buffer; readonly random: Random; readonly others: Others };

/** The body of another exchange that stands to this one as `related` says. */
function swapped(related: (own: MediaRole, other: MediaRole) => boolean) {
  return ({ exchange: { role }, random, others, body }: Input): Change | null => {
    if (role.kind === 'probe') return null;
    const candidates = others.among(({ role: other }) => other.kind !== 'probe' && other.kind === role.kind && related(role, other));
    if (candidates.length === 0) return null;
    const chosen = random.pick(candidates);
    const other = others.body(chosen);
    return other.equals(body) ? null : { where: `${role.kind} ${role.time ?? ''} is ${new URL(chosen.url).pathname.split('.ism')[1]}`, body: other };
  };
}

const DELIVERY: readonly (Pick<Operator, 'name' | 'kind' | 'on'> & { readonly alter: (input: Input) => Change | null })[] = [
  { name: 'another time of the track', kind: 'exchange', on: isMedia, alter: swapped((own, other) => own.format === other.format && own.track === other.track && own.time !== other.time) },
  { name: 'another quality or track', kind: 'exchange', on: isMedia, alter: swapped((own, other) => own.format === other.format && own.track !== other.track) },
  { name: 'another output', kind: 'exchange', on: isMedia, alter: swapped((own, other) => own.format !== other.format && own.track === other.track && own.time === other.time) },
  { name: 'another manifest', kind: 'exchange', on: ({ role }) => role.kind === 'manifest', alter: swapped((own, other) => own.format !== other.format) },
  { name: 'another playlist', kind: 'exchange', on: ({ role }) => role.kind === 'playlist', alter: swapped((own, other) => own.set !== other.set || own.track !== other.track || own.format !== other.format) },
  { name: 'not found', kind: 'answer', on: isListed, alter: () => ({ where: '404', status: 404, body: Buffer.from('not found') }) },
  { name: 'server error', kind: 'answer', on: isListed, alter: () => ({ where: '500', status: 500, body: Buffer.from('error') }) },
  { name: 'nothing', kind: 'answer', on: isListed, alter: () => ({ where: 'empty', body: Buffer.alloc(0) }) },
  { name: 'one byte short', kind: 'answer', on: isListed, alter: ({ body }) => ({ where: 'last byte', body: body.subarray(0, -1) }) },
  { name: 'one byte more', kind: 'answer', on: isMedia, alter: ({ body }) => ({ where: 'a zero', body: Buffer.concat([body, Buffer.alloc(1)]) }) },
  { name: 'no answer', kind: 'answer', on: isListed, alter: () => ({ where: 'connection closed', status: 0, body: Buffer.alloc(0) }) },
];

const otherStatus = ({ exchange: { status }, random }: Input): Change => {
  const by = random.pick([200, 204, 206, 301, 302, 304, 400, 403, 404, 405, 415, 416, 500, 503].filter((each) => each !== status));
  return { where: `${status} becomes ${by}`, status: by };
};

function headerOf(change: (value: string, random: Random) => string | null) {
  return ({ exchange: { headers }, random }: Input): Change | null => {
    const name = random.pick(Object.keys(headers).toSorted());
    const by = change(headers[name], random);
    return { where: `${name}: ${headers[name].slice(0, 60)} ${by === null ? 'left out' : `becomes ${by.slice(0, 60)}`}`, headers: { [name]: by } };
  };
}

const HTTP: readonly (Pick<Operator, 'name' | 'kind' | 'on'> & { readonly alter: (input: Input) => Change | null })[] = [
  { name: 'header of an answer left out', kind: 'drop', on: isListed, alter: headerOf(() => null) },
  { name: 'header of an answer', kind: 'field', on: isListed, alter: headerOf((value, random) => random.pick(['', 'x', `${value}x`, value.slice(0, -1), value.replace(/\d/, (digit) => String((Number(digit) + 1) % 10))])) },
  { name: 'status of a probe', kind: 'answer', on: isProbe, alter: otherStatus },
  { name: 'header of a probe left out', kind: 'drop', on: isProbe, alter: headerOf(() => null) },
  {
    name: 'body of a probe',
    kind: 'bit',
    on: ({ role, body }) => role.kind === 'probe' && ['range', 'repeat', 'escaped', 'other-case', 'compressed'].includes(role.probe) && (body?.size ?? 0) > 0,
    alter({ body, random }) {
      const at = random.below(body.length);
      const copy = Buffer.from(body);
      copy[at] ^= 1 << random.below(8);
      return { where: `byte ${at}`, body: copy };
    },
  },
];

export const ANSWER_OPERATORS: readonly Operator[] = [...DELIVERY.map((row) => ({ ...row, area: 'delivery' as const })), ...HTTP.map((row) => ({ ...row, area: 'http' as const }))];
