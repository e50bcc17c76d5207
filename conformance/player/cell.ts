/** One cell of the plan: its task for the page, and the verdict on what comes back. */
import type { Cell } from './plan.ts';
import { starvation, thinness } from './doubt.ts';
import { isRight, judge, limitsOf } from './judge.ts';
import type { Observation, Recording, Task, TaskResult, Verdict } from './model.ts';
import { isBlind, isDeaf } from './protection.ts';
import { atOneRate } from './strides.ts';
import type { Template } from './templates.ts';
import { THRESHOLDS } from './thresholds.ts';

export type Judged = { readonly observation: Observation; readonly verdict: Verdict };

export function taskOf({ target, format, player, template, browser }: Cell, url: string): Task {
  const { truth, frameRate, protection } = target.content;
  const { first, step, count } = truth.secondTones;
  return {
    url,
    format: format.kind,
    player: player.name,
    module: player.module,
    from: template.from(target.content),
    // Two of the same would outdo each other.
    pilots: isDeaf(protection, browser) ? [] : [...new Set(truth.pilots.map(({ hertz }) => hertz))],
    tones: Array.from({ length: count }, (_, second) => first + step * second),
    frameRate,
    strides: truth.strides,
    videoStart: truth.videoStart,
    protection: target.access ?? null,
    text: template.text(target.content),
    steps: template.steps(target.content),
  };
}

/** `spoiled`: answers that the template's fault changed; null where nothing stood between. */
export function judgeCell({ target: { content }, template, browser }: Cell, read: TaskResult, spoiled: number | null, device = false): Judged {
  const told = atOneRate(read, content.truth.strides);
  const result = { ...told, recording: fromStart(told.recording, template.from(content), content.frameRate) };
  const { protection } = content;
  const usual = limitsOf(device ? 'device' : browser, template.seconds);
  const limits = isBlind(protection) ? { ...usual, frameShare: THRESHOLDS[browser === 'chromium' ? 'screencast' : 'screenshots'].value } : usual;
  const truth = isDeaf(protection, browser) ? { ...content.truth, pilots: [] } : content.truth;
  // From outside a picture comes without its presentation time, and without the sound of its moment.
  const tolerates: Template['tolerates'] = isBlind(protection) ? [...template.tolerates, 'time', 'sync', 'startup'] : template.tolerates;
  const { observation, verdict } = judge(result.recording, result.seeks, truth, limits, tolerates);
  const undone = template.fault === null ? result.acts.filter(({ ok }) => !ok).map(({ step, text }) => `${step}: ${text}`) : [];
  const unmet = [...undone, ...template.demands({ result, observation, content })];
  const astray = result.seeks.filter((seek) => !isRight(seek, limits)).map(({ frame, counter }) => `picture ${frame} was sought and ${counter ?? 'none'} shown`);
  const reasons = [...verdict.reasons, ...astray, ...unmet];
  if (verdict.outcome !== 'fail' && unmet.length === 0) {
    if (spoiled === 0) return { observation, verdict: { outcome: 'unclear', reasons: ['the fault did not take place: the player asked around the proxy'], maybeSlow: false } };
    const thin = verdict.outcome === 'pass' ? thinness(observation, result.recording, truth, { ...template, tolerates }) : null;
    const doubts = [...(thin === null ? [] : [thin]), ...template.doubts({ result, observation, content })];
    return { observation, verdict: doubts.length === 0 ? verdict : { outcome: 'unclear', reasons: doubts, maybeSlow: true } };
  }
  // Steps that were not finished in time are what a starved browser leaves behind, too.
  const starved = starvation(observation, told.evidence);
  if (starved !== null) return { observation, verdict: { outcome: 'unclear', reasons: [starved, ...reasons], maybeSlow: true } };
  return { observation, verdict: { outcome: 'fail', reasons, maybeSlow: isBlank(observation) || (verdict.outcome === 'fail' ? verdict.maybeSlow && unmet.length === 0 : undone.length > 0) } };
}

/** A clock that runs without a picture, and no word of the player's: now and then a browser forgets to paint. A stream that shows nothing does so each time. */
function isBlank({ framesSeen, clockMoved, errors }: Observation): boolean {
  return framesSeen === 0 && clockMoved > 0 && errors.length === 0;
}

/** Seconds by which a player may begin before the place that it was told. */
const EARLY = 0.5;

/** Some players show a picture of the very start before they jump to where they were told to begin: that is no gap. */
function fromStart(recording: Recording, from: number, frameRate: number): Recording {
  if (from === 0) return recording;
  const first = recording.frames.findIndex(({ counter }) => counter >= (from - EARLY) * frameRate);
  const at = recording.frames[first]?.at ?? Infinity;
  return { ...recording, frames: first < 0 ? [] : recording.frames.slice(first), sounds: recording.sounds.filter((sound) => sound.at >= at) };
}
