import { describe, expect, it } from 'vitest';
import { IsomerError } from '../errors.ts';
import { customPreset } from './custom.ts';
import { planEncode, writeServerManifest } from './plan.ts';
import { builtInPreset, fitLadder, PRESET_NAMES } from './presets.ts';
import { readProbe, type SourceFacts } from './probe.ts';

const source = (video: Partial<SourceFacts['video'] & object> = {}): SourceFacts => ({
  duration: 10,
  video: { index: 0, width: 1920, height: 1080, frameRate: 30000 / 1001, variable: false, interlaced: false, ...video },
  audio: [
    { index: 1, channels: 6, language: 'eng', title: null, description: false },
    { index: 2, channels: 1, language: 'fra', title: 'Français', description: true },
  ],
});
const codeOf = (run: () => unknown): string => {
  try {
    run();
    return 'none';
  } catch (error) {
    return error instanceof IsomerError ? error.code : 'other';
  }
};

describe('ladders', () => {
  it.each([
    ['AdaptiveStreaming', 1080, 30000 / 1001, [6780, 3520, 2210, 1150, 720, 380]],
    ['AdaptiveStreaming', 720, 24000 / 1001, [2940, 1850, 960, 600, 320]],
    ['H264MultipleBitrate1080p', 1080, 25, [6000, 4700, 3400, 2250, 1500, 1000, 650, 400]],
    ['H264MultipleBitrate720p', 1080, 25, [3400, 2250, 1500, 1000, 650, 400]],
  ])('%s of a %ip source at %d pictures a second', (name, height, frameRate, expected) => {
    const rates = fitLadder(builtInPreset(name), { height, frameRate }).map((layer) => layer.bitrate / 1000);
    expect(rates).toHaveLength(expected.length);
    rates.forEach((rate, i) => expect(Math.abs(rate - expected[i]) / expected[i]).toBeLessThan(0.01));
  });

  it('never scales up: the rung above a small source takes the source’s own height', () => {
    expect(fitLadder(builtInPreset('AdaptiveStreaming'), { height: 479, frameRate: 30 }).map(({ height }) => height)).toEqual([478, 360, 270, 180]);
    expect(fitLadder(builtInPreset('H264SingleBitrate720p'), { height: 101, frameRate: 30 }).map(({ height }) => height)).toEqual([100]);
    for (const name of PRESET_NAMES) {
      for (const height of [90, 180, 333, 480, 1080, 2160]) {
        for (const layer of fitLadder(builtInPreset(name), { height, frameRate: 60 })) expect(layer.height <= height && layer.height % 2 === 0).toBe(true);
      }
    }
  });

  it('names the presets it knows', () => {
    expect(() => builtInPreset('Nope')).toThrow(/AdaptiveStreaming/);
    expect(builtInPreset('adaptivestreaming').name).toBe('AdaptiveStreaming');
  });
});

describe('plans', () => {
  it('keeps every audio track with its language, and even sizes for odd and turned sources', () => {
    const { jobs } = planEncode(source({ width: 1081, height: 607 }), builtInPreset('AdaptiveStreaming'), 'my film (1)');
    expect(jobs.filter(({ kind }) => kind === 'audio').map(({ language, channels, description }) => [language, channels, description])).toEqual([
      ['eng', 2, false],
      ['fra', 1, true],
    ]);
    for (const { file, arguments: args } of jobs) {
      expect(file).not.toMatch(/[ ()]/);
      const scale = /scale=(\d+):(\d+)/.exec(args.join(' '));
      if (scale !== null) expect([Number(scale[1]) % 2, Number(scale[2]) % 2]).toEqual([0, 0]);
    }
  });

  it('keeps time stamps of a variable frame rate and places key frames by time', () => {
    const { jobs, notes } = planEncode(source({ variable: true }), builtInPreset('H264SingleBitrateSD'), 'x');
    expect(jobs[0].arguments).toContain('vfr');
    expect(jobs[0].arguments).toContain('expr:gte(t,n_forced*2)');
    expect(notes.join()).toMatch(/variable/);
  });

  it('refuses to write two outputs to one file', () => {
    const preset = { ...builtInPreset('H264MultipleBitrate1080p'), filenamePattern: '{Basename}_{Height}{Extension}' };
    expect(codeOf(() => planEncode(source(), preset, 'x'))).toBe('ISOMER_ENCODE_PRESET');
  });

  it('writes a server manifest that signals audio description', () => {
    const { jobs } = planEncode(source(), builtInPreset('H264SingleBitrateSD'), 'x');
    const text = writeServerManifest(jobs.map((job, i) => ({ job, bitrate: 1000 + i, trackId: 1 })));
    expect(text).toContain('<param name="trackName" value="aac_fra_1_1002_1_3" valuetype="data" />');
    expect(text).toContain('<param name="accessibility" value="description" valuetype="data" />');
    expect(text).toContain('<param name="role" value="alternate" valuetype="data" />');
  });
});

describe('custom presets', () => {
  const preset = (change: (json: Record<string, unknown>) => void = () => undefined): string => {
    const json = {
      '@odata.type': '#Microsoft.Media.StandardEncoderPreset',
      codecs: [
        { '@odata.type': '#Microsoft.Media.AacAudio', channels: 2, samplingRate: 48000, bitrate: 96000, profile: 'AacLc' },
        { '@odata.type': '#Microsoft.Media.H264Video', keyFrameInterval: 'PT4S', layers: [{ bitrate: 900000, width: '640', height: '360', label: 'sd', profile: 'Main' }] },
      ],
      formats: [{ '@odata.type': '#Microsoft.Media.Mp4Format', filenamePattern: 'Video-{Basename}-{Label}-{Bitrate}{Extension}' }],
    };
    change(json);
    return JSON.stringify(json);
  };

  it('reads the REST shape', () => {
    expect(customPreset(preset(), 'p.json')).toMatchObject({ gopSeconds: 4, audio: { bitrate: 96000 }, layers: [{ width: 640, height: 360, bitrate: 900000, profile: 'main', label: 'sd' }] });
    expect(planEncode(source(), customPreset(preset(), 'p.json'), 'x').jobs[0].file).toBe('Video-x-sd-900.mp4');
  });

  it.each([
    ['not JSON', '{', /JSON/],
    ['an unknown codec', preset((json) => (json['codecs'] = [{ '@odata.type': '#Microsoft.Media.H265Video' }])), /codecs\.0/],
    ['an unknown wish', preset((json) => (json['filters'] = {})), /filters/],
    ['a path in the pattern', preset((json) => (json['formats'] = [{ '@odata.type': '#Microsoft.Media.Mp4Format', filenamePattern: '../{Basename}' }])), /filenamePattern/],
  ])('refuses %s, naming the place', (_, text, message) => {
    expect(() => customPreset(text, 'p.json')).toThrow(message);
    expect(codeOf(() => customPreset(text, 'p.json'))).toBe('ISOMER_ENCODE_PRESET');
  });
});

describe('probe', () => {
  const stream = { index: 0, codec_type: 'video', codec_name: 'h264', width: 720, height: 576, sample_aspect_ratio: '16:15', r_frame_rate: '50/1', avg_frame_rate: '25/1', field_order: 'tt' };

  it('turns rotated and non-square pictures into what is displayed', () => {
    const { video } = readProbe(JSON.stringify({ format: { duration: '3.5' }, streams: [{ ...stream, side_data_list: [{ rotation: -90 }] }] }), 'x.mov');
    expect(video).toMatchObject({ width: 576, height: 768, variable: true, interlaced: true });
  });

  it('refuses a file without media', () => {
    expect(codeOf(() => readProbe(JSON.stringify({ format: {}, streams: [{ index: 0, codec_type: 'data' }] }), 'x'))).toBe('ISOMER_ENCODE_INPUT');
    expect(codeOf(() => readProbe('', 'x'))).toBe('ISOMER_ENCODE_INPUT');
  });
});
