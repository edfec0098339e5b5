"use strict";
// One WebSocket to one room: hello, password, resume without a hole, coming back by itself.

const SILENT_MS = 35000; // the server's pings are not seen by a page, so it asks itself
const ANSWER_MS = 10000;
const CHECK_MS = 5000;
const BACKOFF_MS = [500, 1000, 2000, 4000, 8000, 15000, 30000];
const FAILURES_UNTIL_ADVICE = 3;

class Connection {
  // `owner` has: hello(), frame(frame), state(text, isOn), entered(welcome), refused(error), ended(bye), advise(text).
  constructor(owner) {
    this.owner = owner;
    this.failures = 0;
    this.stopped = false;
  }

  open() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.isLive = false;
    this.scram = null;
    this.retryAfter = null;
    this.owner.state("Connecting …", false);
    const url = new URL("ws", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = (this.socket = new WebSocket(url));
    socket.onopen = () => this.sayHello();
    socket.onmessage = (event) => socket === this.socket && this.receive(event.data);
    socket.onclose = () => socket === this.socket && this.closed();
    this.watch();
  }

  sayHello() {
    const hello = { type: "hello", v: 1, ...this.owner.hello() };
    if (this.owner.password && Scram.isPossible) {
      this.scram = new Scram(this.owner.password);
      hello.scram = this.scram.first();
    }
    this.send(hello);
  }

  send(frame) {
    if (this.socket.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  receive(data) {
    this.watch();
    for (const line of data.split("\n")) if (line) this.take(JSON.parse(line));
  }

  take(frame) {
    if (frame.type === "challenge") this.prove(frame.scram);
    else if (frame.type === "welcome") this.welcome(frame);
    else if (frame.type === "ping") this.send({ type: "pong", t: frame.t });
    else if (frame.type === "bye") this.bye(frame);
    else if (frame.type === "error" && !this.isLive) this.refuse(frame);
    else if (frame.type !== "pong") this.owner.frame(frame);
  }

  async prove(challenge) {
    const scram = this.scram;
    try {
      this.send({ type: "proof", scram: await scram.final(challenge) });
    } catch (error) {
      this.refuse({ code: "unauthorized", text: `the server asks for the password in a way that is not safe: ${error.message}` });
    }
  }

  welcome(frame) {
    if (this.scram && !this.scram.isRight(frame.scram)) {
      this.refuse({ code: "unauthorized", text: "this server does not know the password: it may be another one" });
      return;
    }
    this.isLive = true;
    this.failures = 0;
    this.owner.state("Connected", true);
    this.owner.entered(frame);
  }

  // Refused for good: a person has to do something. What only takes time is tried again.
  refuse(error) {
    if (["server_full", "room_full", "rate_limited", "storage", "internal", "not_joined"].includes(error.code)) {
      this.retryAfter = error.retry_after ?? null;
      this.owner.advise(error.text);
      return;
    }
    this.stop();
    this.owner.refused(error);
  }

  bye(frame) {
    if (frame.final) {
      this.stop();
      this.owner.ended(frame);
    } else {
      this.retryAfter = frame.retry_after ?? null;
      this.owner.advise(frame.why);
    }
  }

  closed() {
    clearTimeout(this.silence);
    this.isLive = false;
    if (this.stopped) return;
    this.failures += 1;
    if (this.failures === FAILURES_UNTIL_ADVICE) this.findOut();
    const backoff = BACKOFF_MS[Math.min(this.failures, BACKOFF_MS.length) - 1] * (0.7 + 0.6 * Math.random());
    const wait = Math.max(this.retryAfter === null ? 0 : this.retryAfter * 1000, backoff);
    this.owner.state(`Not connected. Trying again in ${Math.max(1, Math.round(wait / 1000))} s`, false);
    this.timer = setTimeout(() => this.open(), wait);
  }

  // A page is not told why a WebSocket failed: a request to the same place is.
  async findOut() {
    try {
      const answer = await fetch("ws", { method: "POST" });
      const error = await answer.json().catch(() => ({}));
      if (answer.status === 405) this.owner.advise("The server answers, but no WebSocket comes through: your proxy must pass Upgrade.");
      else this.owner.advise(error.text || `The server answers with ${answer.status}.`);
    } catch {
      this.owner.advise("The server can't be reached.");
    }
  }

  // Ask a silent server whether it is there; without an answer the connection is a dead one.
  watch() {
    this.wait(SILENT_MS, () => {
      this.send({ type: "ping" });
      this.wait(ANSWER_MS, () => this.drop());
    });
  }

  wait(ms, act) {
    clearTimeout(this.silence);
    this.silence = setTimeout(act, ms);
  }

  // Its close may take as long as its silence did: it is not waited for.
  drop() {
    const old = this.socket;
    this.socket = null;
    old.close();
    this.closed();
  }

  // After a sleep, or when a network is back: what looks open may be dead, and what waits need not. A server that has
  // said when to come again is left alone until then.
  check() {
    if (this.stopped) return;
    if (this.timer) {
      if (this.retryAfter === null) this.open();
    } else if (this.isLive) {
      this.send({ type: "ping" });
      this.wait(CHECK_MS, () => this.drop());
    }
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    clearTimeout(this.silence);
    if (this.socket) this.socket.close();
  }
}
