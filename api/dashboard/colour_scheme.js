// Light, dark, or as the system has it. The choice stays in this browser.
import {html} from "./shown_text.js";

const KEY = "convoy-scheme";
const CHOICES = [
  ["", "System"],
  ["light", "Light"],
  ["dark", "Dark"],
];

const chosen = () => localStorage.getItem(KEY) || "";

export function applyScheme() {
  if (chosen()) document.documentElement.dataset.scheme = chosen();
  else delete document.documentElement.dataset.scheme;
  dispatchEvent(new Event("convoy-scheme")); // charts are painted, so they have to be told
}

/** The switch in the head of each page. */
export function schemeSwitch() {
  const choose = event => {
    if (event.target.value) localStorage.setItem(KEY, event.target.value);
    else localStorage.removeItem(KEY);
    applyScheme();
  };
  return html`<label class="scheme"
    ><span class="unseen">Colours</span>
    <select @change=${choose}>
      ${CHOICES.map(([value, label]) => html`<option value=${value} ?selected=${value === chosen()}>${label}</option>`)}
    </select></label
  >`;
}

/** A colour of the theme as the canvas takes it: `light-dark()` is resolved by the browser. */
export function themeColour(name) {
  const probe = document.createElement("i");
  probe.className = `probe-${name}`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}
