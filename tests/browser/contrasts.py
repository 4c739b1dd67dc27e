"""What of a page is hard to read: texts whose contrast to what is behind them is below WCAG's AA."""

LEAST_CONTRAST = 4.5
CONTRASTS = """(() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgb = (colour, below) => {
    canvas.globalCompositeOperation = "source-over";
    canvas.fillStyle = `rgb(${below.join(" ")})`; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const behind = element => element ? rgb(getComputedStyle(element).backgroundColor, behind(element.parentElement))
    : [255, 255, 255];
  const light = parts => { const [r, g, b] = parts.map(part => part / 255).map(part =>
    part <= .03928 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
  const least = LEAST, walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), poor = [];
  while (walker.nextNode()) {
    const words = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
    if (!words || element.closest("script, title, noscript, [hidden]")) continue;
    const below = behind(element.closest("svg") ? element.closest("svg").parentElement : element);
    const style = getComputedStyle(element);
    const own = light(rgb(element.closest("svg") ? style.fill : style.color, below)), other = light(below);
    const contrast = (Math.max(own, other) + .05) / (Math.min(own, other) + .05);
    if (contrast < least) poor.push(`${contrast.toFixed(2)} ${words.slice(0, 40)}`);
  }
  return poor;
})()""".replace("LEAST", str(LEAST_CONTRAST))
