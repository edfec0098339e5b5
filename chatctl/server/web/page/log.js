"use strict";
// The messages on the screen: a window of at most 1,000 of a room's rows. It follows the newest one, unless somebody
// reads further up: then nothing moves, and it is extended where the reader comes near its edge.

const MOST_ROWS = 1000;
const STEP = 200; // rows by which it is extended
const NEAR = 200; // pixels from an edge
const AT_END = 40; // pixels from the end that are none
const FLOOD = 20; // rows at once that a screen reader is not read
const LINK = /https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g;

class LogView {
  constructor(element, button) {
    this.element = element;
    this.button = button;
    this.waiting = [];
    element.addEventListener("scroll", () => this.scrolled());
    new ResizeObserver(() => this.resized()).observe(element); // a telephone's keyboard, a long draft
    button.addEventListener("click", () => {
      this.toEnd();
      element.focus({ preventScroll: true });
    });
  }

  show(room) {
    this.room = room;
    this.from = Math.max(0, room.rows.length - MOST_ROWS); // the first row that is an element
    this.isCut = false; // rows behind the last element are left out
    this.news = this.arrived = 0; // below what is read; since they were drawn
    this.waiting = [];
    this.busy(true);
    this.element.replaceChildren(...this.made(this.from, room.rows.length));
    this.addWaiting();
    this.toEnd();
  }

  made(from, to) {
    return this.room.rows.slice(from, to).map((row) => makeRow(row, this.room));
  }

  // The row behind the last one that is an element.
  get to() {
    return this.from + this.element.childElementCount - this.waiting.length;
  }

  get leftBelow() {
    const { scrollHeight, scrollTop, clientHeight } = this.element;
    return scrollHeight - scrollTop - clientHeight;
  }

  // One change of the page for all that comes within a frame; a hidden page has no frames.
  append(news) {
    this.arrived += news;
    if (this.scheduled) return;
    this.scheduled = true;
    const draw = () => {
      this.scheduled = false;
      this.draw();
    };
    if (document.hidden) setTimeout(draw, 100);
    else requestAnimationFrame(draw);
  }

  draw() {
    const follows = this.stays();
    this.news += this.arrived;
    this.arrived = 0;
    const end = this.room.rows.length;
    if (follows && end - this.to >= MOST_ROWS) return this.show(this.room);
    this.busy(end - this.to > FLOOD);
    if (!this.isCut) this.extend(follows ? end : Math.min(end, this.from + MOST_ROWS));
    if (!follows) return this.offerEnd();
    this.dropFirst();
    this.toEnd();
  }

  // Show the rows that follow, up to `end`.
  extend(end) {
    const rows = this.made(this.to, end);
    this.dropWaiting();
    this.element.append(...rows);
    this.isCut = end < this.room.rows.length;
    this.addWaiting();
  }

  up() {
    if (!this.from) return this.room.askOlder();
    const from = Math.max(0, this.from - STEP);
    this.inPlace(() => this.element.prepend(...this.made(from, this.from)));
    this.from = from;
    this.dropLast();
  }

  down() {
    this.busy(true);
    this.extend(Math.min(this.room.rows.length, this.to + STEP));
    this.inPlace(() => this.dropFirst());
  }

  // What is being read stays where it is, whatever changes above it.
  inPlace(change) {
    const below = this.element.scrollHeight - this.element.scrollTop;
    this.busy(true);
    change();
    this.element.scrollTop = this.element.scrollHeight - below;
    this.busy(false);
  }

  dropFirst() {
    for (let over = this.to - this.from - MOST_ROWS; over > 0; over -= 1) {
      this.element.firstElementChild.remove();
      this.from += 1;
    }
  }

  dropLast() {
    const over = this.to - this.from - MOST_ROWS;
    if (over <= 0) return;
    this.dropWaiting();
    for (let count = 0; count < over; count += 1) this.element.lastElementChild.remove();
    this.isCut = true;
  }

  // The room has got older rows, put before the others.
  older(count) {
    this.from += count;
    if (this.element.scrollTop < NEAR) this.up();
  }

  // The room has forgotten its first rows.
  forgotten(count) {
    this.from -= count;
    if (this.from < 0) this.show(this.room);
  }

  // Some rows are others now; ``at`` are their places in the room.
  changedRows(at) {
    const { from, to } = this;
    for (const one of at) {
      if (one >= from && one < to) this.element.children[one - from].replaceWith(makeRow(this.room.rows[one], this.room));
    }
  }

  // What we said and the server has not acknowledged stands behind all others.
  addWaiting() {
    if (this.isCut) return;
    const said = this.room.unsent().map(({ frame }) => ({ kind: "waiting", nick: this.room.nick || memory.data.nick, text: frame.text }));
    this.waiting = said.map((row) => makeRow(row, this.room));
    this.element.append(...this.waiting);
  }

  dropWaiting() {
    for (const row of this.waiting) row.remove();
    this.waiting = [];
  }

  changed() {
    const follows = this.stays();
    this.dropWaiting();
    this.addWaiting();
    if (follows) this.toEnd();
  }

  // Return whether the newest row is to stay in view. The event of a scroll may still be under way; and where the
  // height is another one, nobody has scrolled.
  stays() {
    if (this.element.clientHeight === this.height && this.leftBelow >= AT_END) this.follows = false;
    return this.follows;
  }

  resized() {
    const follows = this.stays();
    this.height = this.element.clientHeight;
    if (follows) this.toEnd();
  }

  toEnd() {
    if (this.isCut) return this.show(this.room);
    this.follows = true;
    this.height = this.element.clientHeight;
    this.element.scrollTop = this.element.scrollHeight;
    this.offerEnd();
    if (this.element.scrollHeight <= this.element.clientHeight) this.up();
    requestAnimationFrame(() => this.busy(false));
  }

  offerEnd() {
    if (this.follows) this.news = 0;
    this.button.hidden = this.follows;
    this.button.textContent = this.news ? `${this.news} new: to the newest` : "To the newest message";
  }

  scrolled() {
    if (this.element.clientHeight !== this.height) return this.resized();
    if (this.element.scrollTop < NEAR) this.up();
    else if (this.isCut && this.leftBelow < NEAR) this.down();
    this.follows = !this.isCut && this.leftBelow < AT_END;
    this.offerEnd();
  }

  busy(isBusy) {
    this.element.setAttribute("aria-busy", String(isBusy));
  }
}

function makeRow(row, room) {
  const element = document.createElement("div");
  const own = row.own || (row.nick && row.nick === room.nick);
  element.className = `row ${row.kind}${own ? " own" : ""}`;
  if (row.time) element.append(makeTime(row.time), " ");
  if (row.nick) {
    const nick = document.createElement("bdi");
    nick.className = "nick";
    nick.textContent = row.kind === "action" ? `* ${row.nick}` : row.nick;
    element.append(nick, " ");
  }
  const said = document.createElement("bdi");
  said.className = "said";
  said.append(...withLinks(row.text));
  element.append(said);
  if (row.kind === "waiting") element.append(" (not sent yet)");
  if (row.kind === "whisper") element.append(" (privately)");
  return element;
}

function makeTime(seconds) {
  const time = document.createElement("time");
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return time;
  time.dateTime = date.toISOString();
  const isToday = date.toDateString() === new Date().toDateString();
  time.textContent = isToday
    ? date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
    : date.toLocaleString([], { dateStyle: "short", timeStyle: "short" });
  return time;
}

function withLinks(text) {
  const parts = [];
  let at = 0;
  for (const match of text.matchAll(LINK)) {
    if (!isAddress(match[0])) continue;
    const link = document.createElement("a");
    link.textContent = match[0];
    link.href = match[0];
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    parts.push(text.slice(at, match.index), link);
    at = match.index + match[0].length;
  }
  return [...parts, text.slice(at)];
}

function isAddress(text) {
  try {
    return ["http:", "https:"].includes(new URL(text).protocol);
  } catch {
    return false;
  }
}
