// What one part of a page asks the server: its answer, or what is wrong, until it is answered. A part that has no answer
// says so; that there is nothing, it says only after an answer that says so.
import {nothing} from "./vendored/lit-html/lit-html.js";
import {ProblemError} from "./api_requests.js";
import {html} from "./shown_text.js";
import {clock} from "./text_formats.js";

const AGAIN_MS = 2000;
const PASSING = [401, 408, 425, 429];

/** Whether the same question would be refused for ever: there is no such thing, or the question makes no sense. */
export const isRefusal = error =>
  error instanceof ProblemError && error.status >= 400 && error.status < 500 && !PASSING.includes(error.status);

/** When to ask again, in milliseconds: not before the server wants to be asked. */
export const restAfter = (error, least = AGAIN_MS) => Math.max(least, error.retryMs || 0);

/** That a part of a page was not told, and why; nothing where `error` is nothing. `since`: what stands there is from then. */
export function sectionTrouble(error, since) {
  if (!error) return nothing;
  const again = isRefusal(error) ? "" : " It is asked for again by itself.";
  return html`<p class="bad-text section-trouble">
    ${error.message}${again}${since ? ` What stands here is from ${clock(since)}.` : ""}
  </p>`;
}

export class SectionQuestion {
  answer = null;
  trouble = null;
  /** When it was answered last. */
  seenAt = null;
  #tell;
  #timer = 0;
  #turn = 0;

  /** `tell` is called after each answer, and each time that one is missing. */
  constructor(tell) {
    this.#tell = tell;
  }

  /** Asks until there is an answer; whatever was asked before counts no more. `question` returns a promise of it. */
  async ask(question) {
    const turn = ++this.#turn;
    clearTimeout(this.#timer);
    try {
      const answer = await question();
      if (turn !== this.#turn) return;
      this.answer = answer;
      this.seenAt = Date.now();
      this.trouble = null;
    } catch (error) {
      if (turn !== this.#turn) return;
      this.trouble = error;
      if (!isRefusal(error)) this.#timer = setTimeout(() => this.ask(question), restAfter(error));
    }
    this.#tell();
  }

  /** Knows nothing any more, and asks for nothing. */
  forget() {
    this.close();
    this.answer = this.trouble = this.seenAt = null;
  }

  close() {
    this.#turn++;
    clearTimeout(this.#timer);
  }

  /** What is wrong, as a line of the page. */
  said() {
    return sectionTrouble(this.trouble, this.answer === null ? null : this.seenAt);
  }
}
