// A wide table scrolls in a box of its own, which the keyboard has to reach (WCAG 2.1, 2.1.1). The theme makes these
// boxes once it has started, so they are waited for.
const reachable = () => {
  for (const box of document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])")) {
    box.tabIndex = 0;
  }
};
new MutationObserver(reachable).observe(document.body, { childList: true, subtree: true });
reachable();
