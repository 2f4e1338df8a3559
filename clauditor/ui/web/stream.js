// The live stream, read by fetch (an EventSource could not carry the key); opened again whenever it breaks or falls silent.

import { LockedError, refusal, RefusedError, request } from "./key.js";

const SILENCE_MS = 12_000; // heartbeats come every 5 s
const SLOW_MS = 700; // without a first frame so long, the page says so
const RETRY_MS = [500, 1000, 2000];

export class Stream {
  #told;
  #choices = null;
  #abort = null;
  #wake = null;
  #turn = 0;
  #rests = false;
  #leave = null;

  // `told`: { news(message, isFirst), lost(sentence), rests(), locked() }
  constructor(told) {
    this.#told = told;
    addEventListener("online", () => this.#wake?.());
    document.addEventListener("visibilitychange", () => this.#look());
    this.#look();
  }

  // Read with these choices from now on.
  open(choices) {
    this.#choices = choices;
    this.#begin();
  }

  #begin() {
    this.#abort?.abort();
    this.#turn += 1;
    if (!this.#rests && this.#choices !== null) this.#read(this.#turn);
  }

  // All tabs of a browser share six connections to a host: of those out of sight one listens, for the count in its title.
  #look() {
    const rested = this.#rests;
    this.#leave?.();
    this.#leave = null;
    this.#rests = document.visibilityState !== "visible";
    if (this.#rests) {
      this.#begin();
      this.#told.rests();
      this.#leave = inTurn(() => { this.#rests = false; this.#begin(); });
    } else if (rested) this.#begin();
    else this.#wake?.();
  }

  async #read(turn) {
    let failures = 0;
    while (turn === this.#turn) {
      let sentence = "";
      try {
        await this.#once(turn, () => { failures = 0; });
      } catch (error) {
        if (turn !== this.#turn) return;
        if (error instanceof LockedError) return this.#told.locked();
        if (error instanceof RefusedError) sentence = error.message;
      }
      if (turn !== this.#turn) return;
      this.#told.lost(sentence);
      const pause = RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)];
      await new Promise((done) => { this.#wake = done; setTimeout(done, pause); });
      this.#wake = null;
    }
  }

  async #once(turn, heard) {
    const abort = (this.#abort = new AbortController());
    let timer = setTimeout(() => abort.abort(), SILENCE_MS);
    const slow = setTimeout(() => turn === this.#turn && this.#told.lost(""), SLOW_MS);
    try {
      const asked = new URLSearchParams({ ...this.#choices, zone: String(-new Date().getTimezoneOffset()) });
      const answer = await request(`/api/v1/page/stream?${asked}`, { signal: abort.signal });
      if (!answer.ok) throw await refusal(answer);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let waiting = "", isFirst = true;
      for (;;) {
        const { value, done } = await reader.read();
        if (done || turn !== this.#turn) return;
        clearTimeout(timer);
        timer = setTimeout(() => abort.abort(), SILENCE_MS);
        const frames = (waiting + value).split("\n\n");
        waiting = frames.pop();
        for (const frame of frames) {
          const line = frame.split("\n").find((one) => one.startsWith("data: "));
          if (!line) continue;
          clearTimeout(slow);
          heard();
          this.#told.news(JSON.parse(line.slice(6)), isFirst);
          isFirst = false;
        }
      }
    } finally {
      clearTimeout(slow);
      clearTimeout(timer);
      abort.abort();
    }
  }
}

// Call `mine` once no other tab out of sight listens; returns what gives the turn to the next one.
function inTurn(mine) {
  const left = new AbortController();
  const until = new Promise((done) => left.signal.addEventListener("abort", done));
  navigator.locks?.request("clauditor-hidden", { signal: left.signal }, () => {
    if (!left.signal.aborted) mine();
    return until;
  }).catch(() => { /* it was left before its turn came */ });
  return () => left.abort();
}
