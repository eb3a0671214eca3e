// What scrolls must be reached by the keyboard, and what does not scroll must not be in its way.
export function reachable(node: HTMLElement): { destroy: () => void } {
  const look = () => {
    if (node.scrollWidth > node.clientWidth || node.scrollHeight > node.clientHeight) node.tabIndex = 0;
    else node.removeAttribute("tabindex");
  };
  const watcher = new ResizeObserver(look);
  watcher.observe(node);
  if (node.firstElementChild) watcher.observe(node.firstElementChild);
  look();
  return { destroy: () => watcher.disconnect() };
}
