/** Runs a plan: as many replays at a time as the machine can show without dropping pictures, each with the time it may take. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ReplayDetail, ReplayRow } from '../../spec/replay.ts';
import { startProxy } from '../faults/proxy.ts';
import { messageOf } from '../fault.ts';
import { judgeCell, taskOf } from './cell.ts';
import { defectBehind, type Defect } from './defects.ts';
import type { BrowserDriver, BrowserPage } from './drivers/driver.ts';
import { createGate } from './gate.ts';
import { taskResult, type BrowserName } from './model.ts';
import { detailOf, lostDetail, rowOf, rowOfVerdict, type Shown } from './outcome.ts';
import type { Cell } from './plan.ts';
import { isBlind } from './protection.ts';
import { playOnScreen } from './screen.ts';
import { remoteScript } from './script.ts';
import type { Stage } from './serve.ts';
import { THRESHOLDS } from './thresholds.ts';
import { pageOf } from './vendor.ts';

export type Played = { readonly row: ReplayRow; readonly detail: ReplayDetail | null; readonly version: string | null };

export type CampaignOptions = {
  readonly stage: Stage;
  /** Starts a browser; asked again when one has died. */
  readonly open: (name: BrowserName) => Promise<BrowserDriver>;
  readonly cores: number;
  /** Stops asking after so many new failures; what is left stays untested. */
  readonly maxFailures?: number;
  readonly progress?: (line: string) => void;
  readonly defects?: readonly Defect[];
};

/** Places that a browser takes, of six for each core: more at a time lose pictures, and are asked again. WebKitGTK, which paints all by itself, loses some beside anything. */
const WEIGHTS: Readonly<Record<BrowserName, number>> = { chromium: 4, firefox: 6, webkitgtk: 12 };
const PLACES_PER_CORE = 6;
/** What a busy machine may have caused is asked again with half of the machine to itself, then with nothing beside it. */
const SHARES = [0.5, 1];
const LOOK_EVERY_MS = 200;
const SMALL = { width: 480, height: 300 };

export async function runPlan(cells: readonly Cell[], options: CampaignOptions): Promise<readonly Played[]> {
  const { cores, progress, maxFailures = Infinity } = options;
  const places = cores * PLACES_PER_CORE;
  const gate = createGate(places);
  const drivers = driverPool(options.open);
  const started = performance.now();
  const toPlay = cells.filter(({ cannot }) => cannot === null).length;
  let done = 0;
  let failures = 0;
  const play = async (cell: Cell): Promise<Played> => {
    if (cell.cannot !== null) return { row: rowOf(cell, 'inapplicable', [cell.cannot]), detail: null, version: null };
    const tally = { attempts: 0, infrastructure: 0, began: performance.now() };
    const attempt = async (): Promise<Attempt | null> => {
      if (failures >= maxFailures) return null;
      tally.attempts++;
      return attemptCell(cell, options.stage, drivers, tally.attempts > 1);
    };
    let last = await gate.take(WEIGHTS[cell.browser], attempt);
    for (const share of SHARES) {
      if (last === null || ('lost' in last ? tally.infrastructure++ > 0 : !last.judged.verdict.maybeSlow)) break;
      last = await gate.take(Math.max(WEIGHTS[cell.browser], share * places), attempt);
    }
    const played = last === null ? { row: rowOf(cell, 'untested', ['the run was ended after too many failures']), detail: null, version: null } : concluded(cell, last, tally, options.defects);
    if (played.row.outcome === 'fail') failures++;
    done++;
    const seconds = (performance.now() - started) / 1000;
    progress?.(`[${done}/${toPlay}] ${played.row.outcome} ${cell.id} ${((performance.now() - tally.began) / 1000).toFixed(1)} s; about ${Math.ceil((seconds / done) * (toPlay - done))} s left${reasonsOf(played)}`);
    return played;
  };
  try {
    return await Promise.all(cells.map(play));
  } finally {
    await drivers.close();
  }
}

function reasonsOf({ row, detail }: Played): string {
  return row.outcome === 'pass' || detail === null ? '' : `: ${detail.reasons.join('; ').slice(0, 300)}`;
}

type Attempt = { readonly lost: string } | (Shown & { readonly version: string });

async function attemptCell(cell: Cell, stage: Stage, drivers: DriverPool, again: boolean): Promise<Attempt> {
  try {
    const driver = await drivers.get(cell.browser);
    return await playCell(cell, stage, driver, again);
  } catch (error) {
    // Whether it was the page or the whole browser, the next attempt gets a new one.
    await drivers.drop(cell.browser, error);
    return { lost: messageOf(error) };
  }
}

/** Plays a cell once, with its fault in between where it has one. What is asked again is asked of a page that nobody has used. Throws when browser or page are lost. */
export async function playCell(cell: Cell, stage: Stage, driver: BrowserDriver, again = false): Promise<Shown & { readonly version: string }> {
  const { origin, pathname, search } = new URL(cell.target.url);
  const proxy = cell.template.fault === null ? null : await startProxy(origin);
  proxy?.spoilWith(cell.template.fault?.() ?? null);
  let page: BrowserPage | null = null;
  try {
    const own = pageOf(cell.player);
    const isUsed = own === null && !again;
    page = await driver.open(isUsed ? stage.url : undefined);
    // What the compositor has to paint costs more than decoding; what is read is the element's own picture.
    await page.resize(SMALL.width, SMALL.height);
    if (!isUsed) await page.goto(own ?? stage.url);
    if (own !== null) await page.evaluate(await remoteScript());
    const url = proxy === null ? cell.target.url : `${proxy.url}${pathname}${search}`;
    const task = taskOf(cell, url);
    const answer = isBlind(cell.target.content.protection) ? await playOnScreen(page, task) : await runTask(page, JSON.stringify(task));
    if (typeof answer === 'string') throw new Error(`the page: ${answer}`);
    const result = taskResult.parse(answer);
    return { judged: judgeCell(cell, result, proxy?.spoiled() ?? null), evidence: result.evidence, version: result.version };
  } finally {
    await page?.close();
    await proxy?.stop();
  }
}

async function runTask(page: BrowserPage, task: string): Promise<unknown> {
  const end = performance.now() + THRESHOLDS.cell.value;
  let begun = false;
  while (performance.now() < end) {
    begun ||= (await page.evaluate(`globalThis.suite === undefined ? false : (suite.run(${task}), true)`)) === true;
    const result = begun ? await page.evaluate('suite.result()') : null;
    if (result !== null) return result;
    await pause(LOOK_EVERY_MS);
  }
  throw new Error(`the page gave no result within ${THRESHOLDS.cell.value} ms: ${page.messages().join('; ').slice(0, 300)}`);
}

function concluded(cell: Cell, last: Attempt, { began, ...counts }: { readonly attempts: number; readonly infrastructure: number; readonly began: number }, defects?: readonly Defect[]): Played {
  const tally = { ...counts, milliseconds: Math.round(performance.now() - began) };
  if ('lost' in last) return { row: rowOf(cell, 'cantTell', ['the browser was lost']), detail: lostDetail(cell.id, last.lost, tally), version: null };
  return { row: rowOfVerdict(cell, last.judged, defectBehind(cell, last.judged.verdict.reasons, defects)), detail: detailOf(cell.id, last, tally), version: last.version };
}

type DriverPool = { get(name: BrowserName): Promise<BrowserDriver>; drop(name: BrowserName, cause: unknown): Promise<void>; close(): Promise<void> };

function driverPool(open: (name: BrowserName) => Promise<BrowserDriver>): DriverPool {
  const running = new Map<BrowserName, Promise<BrowserDriver>>();
  const end = async (driver: Promise<BrowserDriver>): Promise<void> => {
    await driver.then((each) => each.close()).catch(() => undefined);
  };
  return {
    get(name) {
      const there = running.get(name) ?? open(name);
      running.set(name, there);
      return there;
    },
    async drop(name, cause) {
      const driver = running.get(name);
      // A page that was slow is no reason to take the browser from the others.
      if (driver === undefined || !/closed|disconnected|Target|Session|launch|Protocol error/i.test(messageOf(cause))) return;
      running.delete(name);
      await end(driver);
    },
    async close() {
      await Promise.all([...running.values()].map(end));
    },
  };
}
