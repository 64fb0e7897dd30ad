// Gives for each piece of text how much it stands out from its ground, as WCAG 2.2 defines it.
() => {
  const TEXTS = "p, h2, dt, dd, button, .choices a, .mark, .title, .facts, time, code, #live";
  const drawn = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const paint = (colour) => {
    drawn.fillStyle = colour;
    drawn.fillRect(0, 0, 1, 1);
  };
  const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const luminance = () => {
    const [red, green, blue] = [...drawn.getImageData(0, 0, 1, 1).data].map((part) => linear(part / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ratios = {};
  for (const element of document.querySelectorAll(TEXTS)) {
    if (!element.checkVisibility() || !element.textContent) continue;
    const grounds = [];
    for (let around = element; around; around = around.parentElement) {
      grounds.unshift(getComputedStyle(around).backgroundColor);
    }
    grounds.forEach(paint);
    const ground = luminance();
    paint(getComputedStyle(element).color);
    const text = luminance();
    const name = `${element.tagName} ${element.className} ${element.textContent.slice(0, 20)}`;
    ratios[name] = (Math.max(ground, text) + 0.05) / (Math.min(ground, text) + 0.05);
  }
  return ratios;
}
