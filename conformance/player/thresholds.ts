/** Every number that decides a replay, with its reason. Measured on two idle cores with good streams, then given room. */

export type Threshold = { readonly value: number; readonly unit: string; readonly reason: string };

export const THRESHOLDS = {
  frameShare: { value: 0.97, unit: 'of the pictures', reason: 'observers read 99.3 to 100 % of what an idle browser shows; what a lost segment takes away is far more' },
  screencast: { value: 0.9, unit: 'of the pictures', reason: 'the compositor hands out every picture of protected content, but for those that two cores do not encode in time' },
  screenshots: { value: 0.3, unit: 'of the pictures', reason: 'screenshots are taken one after another; which picture is due when is told by seeking' },
  raceShare: { value: 0.03, unit: 'of the readings', reason: 'the picture may change between a frame callback and the reading' },
  fastRaceShare: { value: 0.25, unit: 'of the readings', reason: 'a picture that lasts one refresh of the screen is gone when its callback comes a refresh late; seeking still tells each picture apart' },
  fastPicture: { value: 25, unit: 'ms', reason: 'shorter pictures may last one refresh of a screen of 60 Hz' },
  offsetSpread: { value: 0.25, unit: 'frames', reason: 'browsers round times to microseconds or to a 90 kHz clock; a step of the timeline is a frame or more' },
  offsetLimit: { value: 2.6, unit: 'frames', reason: 'players rebase on the reordering delay, or on the earlier of audio and video' },
  seekSlack: { value: 1, unit: 'pictures', reason: 'WebKitGTK alone: it shows streams with reordered pictures one picture late and seeks by times that are not, so a seek next to a cut lands behind it' },
  toneShare: { value: 0.95, unit: 'of the tones', reason: 'a window of 43 ms and one picture make the edges of a second uncertain' },
  syncBias: { value: 20, unit: 'ms', reason: 'sound is read every 40 ms, so a change of tone is noticed half of that late' },
  syncLimit: { value: 80, unit: 'ms', reason: 'half of what the ear takes for late, and twice the error of the measurement' },
  startup: { value: 15_000, unit: 'ms', reason: 'loaded machines need up to 7 s; no viewer waits longer' },
  stalls: { value: 2, unit: 'stalls', reason: 'on a slow network or at a switch a player may refill its buffer, and must not live from hand to mouth' },
  switchBack: { value: 2, unit: 'pictures', reason: 'a player that empties its buffer at a switch shows the picture at the play position again, which may lie before the last one shown' },
  lengthOff: { value: 0.75, unit: 's', reason: 'sound may end some frames after the pictures, or be left whole where a cut goes through it; a filter that is wrong is wrong by a segment' },
  cueTime: { value: 0.025, unit: 's', reason: 'times of cues are thousandths of a second, those of samples 90 000ths; the nearest mistake is a picture, 33 ms' },
  cueLate: { value: 1, unit: 's', reason: 'browsers look every quarter of a second for cues that begin or end, which at twice the speed is half of one, and pictures are read as they come' },
  endFrames: { value: 2, unit: 'pictures', reason: 'the last pictures of a stream may pass between two looks, or fall to a player that ends with the shorter track' },
  lagShare: { value: 0.1, unit: 'of the time', reason: 'a timer of 5 ms that comes 50 ms late for so long has missed pictures, and the player its own deadlines; idle machines stay below 0.02' },
  unreadShare: { value: 0.25, unit: 'of the pictures', reason: 'where a browser drops so much of what it decoded, nothing that it did late says anything about a stream' },
  leastPictures: { value: 10, unit: 'pictures', reason: 'no shorter window than half a second is asked for; fewer pictures show no order and no offset' },
  leastSounds: { value: 10, unit: 'readings', reason: 'sound is read every 40 ms: less than half a second of it tells no language with certainty' },
  syncSeconds: { value: 2, unit: 's', reason: 'a window of this length holds at least one change of the tone of the second' },
  openShare: { value: 0.1, unit: 'of the replays', reason: 'a single starved replay is bad luck; where so many came to no verdict, the machine is no judge of anything' },
  cell: { value: 90_000, unit: 'ms', reason: 'no replay plays more than 12 s; what takes longer hangs' },
} as const satisfies Readonly<Record<string, Threshold>>;
