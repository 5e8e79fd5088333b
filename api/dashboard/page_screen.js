// One way to draw: what is new is set, all else stays, and whoever was somewhere with the keyboard still is.
import {nothing, render} from "./vendored/lit-html/lit-html.js";
import {html, visibleLine} from "./shown_text.js";
import {clock} from "./text_formats.js";

const element = id => document.getElementById(id);

/** Draws a template into the element with this id. An element that had the focus and was moved gets it back. */
export function draw(id, template) {
  const place = element(id),
    focused = document.activeElement;
  render(template, place);
  if (!focused || focused === document.body || document.activeElement === focused) return;
  if (focused.isConnected && !focused.disabled) focused.focus({preventScroll: true});
  else if (document.activeElement === document.body && !document.querySelector("dialog[open]")) {
    // What had it is gone, such as the button of an act that is done: the reader goes on at the head of the page.
    (place.querySelector("h1") || element("content")).focus({preventScroll: true});
  }
}

let said = "",
  together = [];
/** Says a sentence to screen readers, politely and never twice in a row. What comes at once is said together. */
export function announce(sentence) {
  if (sentence === said) return;
  said = sentence;
  together.push(sentence);
  if (together.length > 1) return;
  queueMicrotask(() => {
    element("announcer").textContent = visibleLine(together.join(" "));
    together = [];
  });
}

let isTroubled = false;

/** Nothing stands above the pages any more, and nothing is said of it: another page is shown. */
export function clearTrouble() {
  isTroubled = false;
  draw("trouble", nothing);
}

/**
 * The line above all pages: nothing while the server answers; that it does so again is said.
 * `since` is when it last did; without one there is nothing on the page to be from then.
 */
export function showTrouble(error, since, retry) {
  if (!error) {
    if (isTroubled) announce(`The server answers again since ${clock(Date.now())}.`);
    clearTrouble();
    return;
  }
  isTroubled = true;
  const stale = since ? `No answer since ${clock(since)}; the numbers are from then. ` : "";
  const sentence = `${stale}${error.message}`;
  draw(
    "trouble",
    html`<div class="trouble">
      <p>${sentence}</p>
      <button type="button" class="small" @click=${retry}>Try again now</button>
    </div>`,
  );
  announce(stale ? `No answer since ${clock(since)}.` : sentence);
}

/** Puts text on the clipboard and says so on the button; where a browser refuses, the text is selected. */
export async function copyText(event, text) {
  const button = event.currentTarget,
    label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    const shown = button.parentElement.querySelector("pre, code");
    if (shown) getSelection().selectAllChildren(shown);
    button.textContent = "Selected: press Ctrl+C";
  }
  announce(button.textContent);
  setTimeout(() => {
    button.textContent = label;
  }, 2500);
}

/** A block of text to paste, with its button. */
export function pasteBlock(text, name) {
  return html`<div class="paste">
    <pre tabindex="0" aria-label=${name}>${text}</pre>
    <button type="button" class="small" aria-label=${`Copy: ${name}`} @click=${event => copyText(event, text)}>
      Copy
    </button>
  </div>`;
}

/** Hands a file to the browser. */
export function saveFile(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
