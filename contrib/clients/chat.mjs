#!/usr/bin/env node
// A client in Node.js, without any package, written from docs/protocol.md: a test of that page, and a start for your own.
//
//   node chat.mjs HOST PORT say NICK ROOM TEXT [ID]   say it once, whatever breaks; print its number and whether it is a repeat
//   node chat.mjs HOST PORT tail ROOM [COUNT]         print the log from its beginning, each entry once, whatever breaks
//   node chat.mjs vectors                             read lines of docs/vectors.jsonl from stdin; print what it makes of each
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { createInterface } from "node:readline";

const GREETING = "NAME";
const MAX_LINE = 16 * 1024 * 1024;
const RETRY_MS = 60_000;

// --- framing: bytes in, frames out

export class Frames {
  #bytes = Buffer.alloc(0);
  #greeted;

  constructor(greeted = true) {
    this.#greeted = !greeted;
  }

  // Return the frames that are complete now. Throws for what no server says.
  feed(data) {
    this.#bytes = Buffer.concat([this.#bytes, data]);
    if (!this.#greeted) {
      const start = this.#bytes.subarray(0, 4).toString("latin1");
      if (!GREETING.startsWith(start)) throw new Error("this is no chatctl server");
      if (start.length < 4) return [];
      this.#greeted = true;
      this.#bytes = this.#bytes.subarray(4);
    }
    const found = [];
    for (let end; (end = this.#bytes.indexOf(0x0a)) >= 0; this.#bytes = this.#bytes.subarray(end + 1)) {
      const line = new TextDecoder("utf-8", { fatal: true }).decode(this.#bytes.subarray(0, end));
      if (line.trim()) found.push(JSON.parse(line));
    }
    if (this.#bytes.length > MAX_LINE) throw new Error("the server's line is too long");
    return found;
  }
}

// --- text of others

const FORBIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Surrogate}/gu;

export function clean(text) {
  return text
    .replace(FORBIDDEN, (char) => {
      const point = char.codePointAt(0);
      if (point < 0x20) return String.fromCodePoint(0x2400 + point);
      return point === 0x7f ? "\u2421" : `<U+${point.toString(16).toUpperCase().padStart(4, "0")}>`;
    })
    .replace(/[\p{Mn}\p{Me}\u200d]+/gu, (run) => {
      let marks = 0; // a joiner is none, and begins no other character
      const kept = [...run].filter((char) => char === "\u200d" || ++marks <= 4).join("");
      return marks > 4 ? `${kept}<+${marks - 4} marks>` : kept;
    });
}

// --- one connection: resolves with what `use` resolves with; rejects if the connection ends first

function session(host, port, hello, use) {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const frames = new Frames();
    const send = (frame) => socket.write(JSON.stringify(frame) + "\n");
    const finish = (value) => {
      resolve(value);
      send({ type: "bye" });
      socket.end();
    };
    const fail = (error) => {
      reject(error);
      socket.destroy();
    };
    send({ type: "hello", v: 1, ...hello });
    socket.on("data", (data) => {
      try {
        for (const frame of frames.feed(data)) {
          if (frame.type === "ping") send({ type: "pong", t: frame.t });
          else use(frame, { send, finish, fail });
        }
      } catch (error) {
        fail(final(error.message));
      }
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the connection is lost")));
  });
}

function final(text) {
  return Object.assign(new Error(text), { final: true });
}

// An error of the server, or its bye, as an exception; final, if another connection would not cure it.
function refusal(frame) {
  const passes = frame.type === "bye" ? !frame.final : frame.retry_after !== undefined || frame.code === "storage";
  const error = passes ? new Error(frame.text ?? frame.why) : final(frame.text ?? frame.why);
  return Object.assign(error, { wait: (frame.retry_after ?? 0) * 1000 });
}

async function again(action) {
  const until = Date.now() + RETRY_MS;
  for (let failures = 0; ; failures++) {
    try {
      return await action();
    } catch (error) {
      const backoff = Math.min(30_000, 250 * 2 ** Math.min(failures, 16)) * (0.5 + Math.random() / 2);
      const wait = Math.max(backoff, error.wait ?? 0);
      if (error.final || Date.now() + wait > until) throw error;
      await new Promise((done) => setTimeout(done, wait));
    }
  }
}

// --- what one wants of a room

export function say(host, port, nick, room, text, id, token) {
  const hello = { nick, room, mode: "post", token };
  return again(() =>
    session(host, port, hello, (frame, { send, finish, fail }) => {
      if (frame.type === "welcome") send({ type: "say", text, id });
      else if (frame.type === "ack" && frame.id === id) finish(frame);
      else if (frame.type === "error" || frame.type === "bye") fail(refusal(frame));
    }),
  );
}

export async function tail(host, port, room, count, show) {
  let place; // where we stand in the log: { epoch, after }
  let left = count;
  while (left > 0) {
    await again(() =>
      session(host, port, { room, mode: "watch", resume: place && { ...place, cut: true }, history: 100 }, (frame, on) => {
        if (frame.type === "welcome") {
          place = entered(frame, place);
        } else if (frame.type === "gap") {
          show(`(${frame.from} to ${frame.to} can't be shown: ${frame.why})`);
          place = behind(frame, place);
        } else if (frame.type === "msg" && frame.seq > place.after && left > 0) {
          place = { ...place, after: frame.seq };
          show(frame.redacted ? "(redacted)" : `${clean(frame.nick)}: ${clean(frame.text)}`);
          if (--left === 0) on.finish();
        } else if (frame.type === "error" || frame.type === "bye") on.fail(refusal(frame));
      }),
    );
  }
}

// Where one stands after a welcome: at a first one before the entries that it announces; in another log at its end.
function entered(welcome, place) {
  if (!place) return { epoch: welcome.epoch, after: Math.max(welcome.last - 100, welcome.first - 1) };
  if (place.epoch === welcome.epoch) return { ...place, after: Math.min(place.after, welcome.last) };
  return { epoch: welcome.epoch, after: Math.min(welcome.cut ?? welcome.last, welcome.last) };
}

// Where one stands behind a gap: the welcome has told already where a lost place is.
function behind(gap, place) {
  return gap.why === "lost" ? place : { ...place, after: Math.max(place.after, gap.to) };
}

// --- the command line

// Where one stands who resumes at a log, by a line of docs/vectors.jsonl.
function resumed({ log, resume, cut, gaps, entries }) {
  let place = entered({ ...log, cut }, { epoch: resume.epoch, after: resume.after });
  for (const gap of gaps) place = behind(gap, place);
  for (let seq = entries?.[0]; seq <= entries?.[1]; seq++) if (seq > place.after) place = { ...place, after: seq };
  return place;
}

async function vectors() {
  for await (const line of createInterface({ input: process.stdin })) {
    const vector = JSON.parse(line);
    if (vector.raw !== undefined) console.log(JSON.stringify(clean(vector.raw)));
    else if (vector.log !== undefined) console.log(JSON.stringify(resumed(vector)));
    else {
      const frames = new Frames(vector.greeted ?? false);
      const reads = (vector.hex ?? []).map((part) => Buffer.from(part, "hex"));
      reads.push(...(vector.bytes ?? []).map((part) => Buffer.from(part)));
      console.log(JSON.stringify(reads.flatMap((read) => frames.feed(read))));
    }
  }
}

const [host, port, verb, ...rest] = process.argv.slice(2);
try {
  if (host === "vectors") await vectors();
  else if (verb === "say") {
    const [nick, room, text, id = randomBytes(8).toString("hex")] = rest;
    const token = process.env.CHAT_TOKEN ?? randomBytes(16).toString("hex");
    const ack = await say(host, port, nick, room, text, id, token);
    console.log(ack.seq, ack.duplicate);
  } else if (verb === "tail") await tail(host, port, rest[0], Number(rest[1] ?? Infinity), (line) => console.log(line));
  else throw final("usage: chat.mjs HOST PORT say NICK ROOM TEXT [ID] | HOST PORT tail ROOM [COUNT] | vectors");
} catch (error) {
  console.error(`chat.mjs: ${clean(error.message)}`);
  process.exitCode = 1;
}
