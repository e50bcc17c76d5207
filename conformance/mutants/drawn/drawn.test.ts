import { beforeAll, describe, expect, it } from 'vitest';
import { capture } from '../../capture/capture.ts';
import { traceReader } from '../../capture/store.ts';
import { NO_JUDGES } from '../../oracle/judges.ts';
import { masterUrls } from '../../outputs.ts';
import { CHECKS, loadRequirements } from '../../registry.ts';
import { ASSET, specimenTruth } from '../content.ts';
import { memoryStore } from '../judge-origin.ts';
import { goodOrigin } from '../origin.ts';
import { sameMeaning } from './canonical.ts';
import { drawMutant, openField, type Drawn, type Field } from './draw.ts';
import { OPERATORS } from './operators.ts';
import { randomOf } from './random.ts';
import { summaryOf, toMarkdown } from './report.ts';
import { alter, othersOf, readerOf, subjectOf, type Subject } from './subject.ts';

describe('draws', () => {
  it('are the same for the same seed, and others for another', () => {
    const draw = (seed: number): number[] => {
      const random = randomOf(seed);
      return Array.from({ length: 8 }, () => random.below(1000));
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(draw(0)).not.toEqual(Array.from({ length: 8 }, () => 0));
  });

  it('reach every value', () => {
    const random = randomOf(7);
    expect(new Set(Array.from({ length: 400 }, () => random.below(10))).size).toBe(10);
  });
});

describe('mutants of the specimen', () => {
  let subject: Subject;
  let field: Field;
  beforeAll(async () => {
    const store = memoryStore();
    const origin = goodOrigin();
    const trace = await capture(store, { kind: 'self', profile: 'ams', manifests: masterUrls(origin.ism).map(({ format, url }) => ({ asset: ASSET, format, url })), concurrency: 4, ask: origin.ask });
    subject = subjectOf(ASSET, traceReader(trace, ({ body }) => store.get(body?.sha256 ?? '')), specimenTruth());
    field = await openField([subject], { checks: CHECKS.filter(({ id }) => !/^decode\/|schema$/.test(id)), requirements: loadRequirements(), judges: NO_JUDGES });
  });

  const summaryText = (drawn: readonly Drawn[]): string => toMarkdown(summaryOf(drawn, { seed: 3, count: drawn.length, assets: [ASSET] }));

  it('are the same again, whole or in part, and nearly all are seen', async () => {
    const drawn: Drawn[] = [];
    for (let number = 1; number <= 60; number++) {
      const mutant = await drawMutant(field, OPERATORS, 3, number);
      if (number % 10 === 0) expect({ ...(await drawMutant(field, OPERATORS, 3, number, true)), by: [] }).toEqual({ ...mutant, by: [] });
      drawn.push(mutant);
    }
    expect(drawn.flatMap(({ faults, operator, where }) => faults.map((fault) => `${operator.area}: ${operator.name} ${where} ${fault}`))).toEqual([]);
    expect(drawn.filter(({ verdict }) => verdict === 'survived').length).toBeLessThan(6);
    expect(summaryText(drawn)).toContain('| **all** |');
  }, 60_000);

  it.each(OPERATORS.filter(({ kind }) => kind === 'neutral').map((operator) => [operator.area, operator.name, operator] as const))('%s: %s means the same', (_, __, operator) => {
    const random = randomOf(11);
    const exchanges = subject.trace.exchanges.filter((exchange) => operator.on(exchange));
    for (let tries = 0; tries < 20; tries++) {
      const exchange = random.pick(exchanges);
      const body = subject.body(exchange);
      const change = operator.alter({ exchange, body, random, others: othersOf(subject, exchange) });
      if (change === null) continue;
      expect(sameMeaning(exchange, body, alter(exchange, body, change)), change.where).toBe(true);
    }
  });

  it('are captured as the changed origin would be', () => {
    const manifest = subject.trace.exchanges.find(({ role }) => role.kind === 'manifest' && role.format === 'dash-csf');
    if (manifest === undefined) throw new Error('no manifest');
    const body = Buffer.from(subject.body(manifest).toString().replace('Fragments(video=$Time$', 'Fragments(movie=$Time$'));
    const reader = readerOf(subject, manifest, alter(manifest, subject.body(manifest), { where: '', body }));
    const listed = reader.trace.exchanges.filter(({ role }) => role.format === 'dash-csf' && role.kind === 'segment');
    expect(listed.filter(({ url }) => url.includes('movie=')).map(({ status }) => status)).toEqual([404, 404, 404, 404, 404, 404]);
    expect(listed.some(({ url }) => url.includes('Fragments(video='))).toBe(false);
    const repeat = reader.trace.exchanges.find(({ role }) => role.kind === 'probe' && role.probe === 'repeat' && role.of === manifest.url);
    expect(repeat?.body?.sha256).toBe(reader.find(manifest.url)?.body?.sha256);
  });
});
