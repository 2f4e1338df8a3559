// The live stream, read by fetch (an EventSource could not carry the key); opened again whenever it breaks or falls silent.

import { LockedError, request } from "./key.js";

const SILENCE_MS = 12_000; // heartbeats come every 5 s
const RETRY_MS = [500, 1000, 2000];

export class Stream {
  #told;
  #choices = {};
  #abort = null;
  #wake = null;
  #turn = 0;

  // `told`: { news(message, isFirst), lost(), locked() }
  constructor(told) {
    this.#told = told;
    const look = () => this.#wake?.();
    addEventListener("online", look);
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && look());
  }

  // Read with these choices from now on.
  open(choices) {
    this.#choices = choices;
    this.#abort?.abort();
    this.#read(++this.#turn);
  }

  async #read(turn) {
    let failures = 0;
    while (turn === this.#turn) {
      try {
        await this.#once(turn, () => { failures = 0; });
      } catch (error) {
        if (turn !== this.#turn) return;
        if (error instanceof LockedError) return this.#told.locked();
      }
      if (turn !== this.#turn) return;
      this.#told.lost();
      const pause = RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)];
      await new Promise((done) => { this.#wake = done; setTimeout(done, pause); });
      this.#wake = null;
    }
  }

  async #once(turn, heard) {
    const abort = (this.#abort = new AbortController());
    let timer = setTimeout(() => abort.abort(), SILENCE_MS);
    try {
      const asked = new URLSearchParams({ ...this.#choices, zone: String(-new Date().getTimezoneOffset()) });
      const answer = await request(`/api/v1/page/stream?${asked}`, { signal: abort.signal });
      if (!answer.ok) throw new Error("refused");
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
          heard();
          this.#told.news(JSON.parse(line.slice(6)), isFirst);
          isFirst = false;
        }
      }
    } finally {
      clearTimeout(timer);
      abort.abort();
    }
  }
}
