// Draws the plots of a live page: from the JSON of `drawings.py`, with the marks of `canvas.py` and `plots.py`.
const plots = (() => {
  const {right: RIGHT, top: TOP, bottom: BOTTOM, labelRoom: LABEL_ROOM, ruleColumn: RULE_COLUMN, sizes: SIZES,
    above: ABOVE, below: BELOW, million: MILLION, finer: FINER, fewDecades: FEW_DECADES} = /*MEASURES*/null;
  const SVG = "http://www.w3.org/2000/svg";
  const narrow = matchMedia("(max-width: 40rem)");
  const shown = new Map();

  const pixel = value => value.toFixed(1);
  const digits = tick => Number(tick.toPrecision(10)).toLocaleString("en-US", {maximumFractionDigits: 10});
  const written = tick => Math.abs(tick) >= MILLION ? `${digits(tick / MILLION)} M` : digits(tick);

  function nice(rough) {
    const magnitude = 10 ** Math.floor(Math.log10(rough));
    return [1, 2, 5, 10].find(factor => rough <= factor * magnitude * (1 + 1e-9)) * magnitude;
  }

  class Linear {
    constructor({low, high}) { Object.assign(this, {low, high}); }
    place(value) { return (value - this.low) / ((this.high - this.low) || 1); }
    ticks() {
      const {low, high} = this, step = high > low ? nice((high - low) / 6 / FINER) : 1, found = [];
      for (let index = Math.ceil(low / step - 1e-9); index <= Math.floor(high / step + 1e-9); index++)
        found.push(index * step);
      return found;
    }
  }

  class Log {
    constructor({low, high}) { Object.assign(this, {low, high}); }
    place(value) { return Math.log(Math.max(value, this.low) / this.low) / Math.log(this.high / this.low); }
    ticks() {
      const {low, high} = this;
      if (Math.log10(high / low) < 1) return new Linear({low, high}).ticks();
      const factors = Math.log10(high / low) <= FEW_DECADES ? [1, 2, 5] : [1], found = [];
      for (let decade = Math.floor(Math.log10(low)); decade <= Math.ceil(Math.log10(high)); decade++)
        found.push(...factors.map(factor => factor * 10 ** decade));
      return found.filter(tick => low * 0.999 <= tick && tick <= high * 1.001);
    }
  }

  const scaleOf = scale => scale.kind === "log" ? new Log(scale) : new Linear(scale);

  class Canvas {
    constructor(drawing, name) {
      this.size = SIZES[name];
      this.xScale = scaleOf(drawing.x);
      this.yScale = scaleOf(drawing.y);
      this.left = this.size.left;
      this.right = this.size.width - RIGHT;
      this.bottom = this.size.height - BOTTOM;
      this.svg = document.createElementNS(SVG, "svg");
      this.svg.setAttribute("class", name === "narrow" ? "narrow" : "wide");
      this.svg.setAttribute("viewBox", `0 0 ${this.size.width} ${this.size.height}`);
      this.svg.setAttribute("role", "img");
      this.add("title", {}, drawing.description);
    }
    add(tag, attributes, text) {
      const made = document.createElementNS(SVG, tag);
      for (const [name, value] of Object.entries(attributes)) if (value !== "") made.setAttribute(name, value);
      if (text !== undefined) made.textContent = text;
      this.svg.append(made);
    }
    x(value) { return this.left + this.xScale.place(value) * (this.right - this.left); }
    y(value) { return this.bottom - this.yScale.place(value) * (this.bottom - TOP); }
    line(x1, y1, x2, y2, style) {
      this.add("line", {class: style, x1: pixel(x1), y1: pixel(y1), x2: pixel(x2), y2: pixel(y2)});
    }
    text(x, y, words, style) { this.add("text", {class: style, x: pixel(x), y: pixel(y)}, words); }
    rectangle(x, y, width, height, style, {tip = "", opacity = ""} = {}) {
      this.add("rect", {class: style, "fill-opacity": opacity, x: pixel(x), y: pixel(y), width: pixel(width),
        height: pixel(height), "data-tip": tip});
    }
    column(low, high, style, {tip = "", label = ""}) {
      const x = this.x(low), width = Math.max(this.x(high) - x, 1);
      this.rectangle(x, TOP, width, this.bottom - TOP, style, {tip});
      if (label && width > LABEL_ROOM) this.text(x + width / 2, TOP + 12, label, "note x");
    }
    box([x0, y0, x1, y1], style, opacity = "") {
      const x = this.x(x0), y = this.y(y1);
      const width = Math.max(this.x(x1) - x, 1), height = Math.max(this.y(y0) - y, 0);
      this.rectangle(x, y, width, height, style, {opacity});
    }
    rule([at, label, style], number) {
      const y = this.y(at), columns = Math.max(1, Math.floor((this.right - this.left) / RULE_COLUMN));
      this.line(this.left, y, this.right, y, style);
      const side = Math.floor(number / columns) % 2 ? BELOW : ABOVE;
      this.text(this.right - 4 - RULE_COLUMN * (number % columns), y + side, label, `note left ${style}-text`);
    }
    axes([xLabel, yLabel]) {
      for (const tick of this.yScale.ticks()) {
        this.line(this.left, this.y(tick), this.right, this.y(tick), "grid");
        this.text(this.left - 8, this.y(tick) + 4, written(tick), "tick y");
      }
      for (const tick of this.xScale.ticks()) {
        this.line(this.x(tick), this.bottom, this.x(tick), this.bottom + 4, "axis");
        this.text(this.x(tick), this.bottom + 18, written(tick), "tick x");
      }
      this.line(this.left, this.bottom, this.right, this.bottom, "axis");
      this.text((this.left + this.right) / 2, this.size.height - 4, xLabel, "label x");
      const middle = ((TOP + this.bottom) / 2).toFixed(0);
      this.add("text", {class: "label x", transform: `translate(13 ${middle}) rotate(-90)`}, yLabel);
    }
    places(points) { return points.map(([x, y]) => `${pixel(this.x(x))},${pixel(this.y(y))}`).join(" "); }
    series({label, style, points}, unit, withDots) {
      for (const run of unbroken(points)) {
        this.add("polyline", {class: `series ${style}`, points: this.places(run)});
        if (!withDots && run.length > 1) continue;
        for (const [x, y] of run) {
          const tip = `${label}: ${Number(y.toPrecision(4)).toLocaleString("en-US")} at ${Number(x.toPrecision(6))} ${unit}`;
          this.add("circle", {class: `point ${style}`, cx: pixel(this.x(x)), cy: pixel(this.y(y)), r: "3", "data-tip": tip});
        }
      }
    }
    columns(series, spans) {
      for (const [index, [low, high]] of spans.entries()) {
        let base = 0;
        for (const {style, points} of series) {
          const height = points[index][1];
          if (!height) continue;
          this.box([low, base, high, base + height], `bar ${style}`);
          base += height;
        }
      }
    }
    layers(series) {
      let base = series[0].points.map(() => 0);
      for (const {style, points} of series) {
        const top = points.map(([, y], index) => y === null ? null : base[index] + y);
        const edges = points.map(([x], index) => [x, top[index], base[index]]);
        for (const run of unbroken(edges)) {
          const floor = run.map(([x, , low]) => [x, low]).reverse();
          this.add("polygon", {class: `area ${style}`, points: this.places([...run, ...floor])});
        }
        base = base.map((low, index) => top[index] ?? low);
      }
    }
  }

  function unbroken(points) {
    const runs = [[]];
    for (const point of points) {
      if (point[1] === null) runs.push([]);
      else runs.at(-1).push(point);
    }
    return runs.filter(run => run.length);
  }

  function draw(drawing, name) {
    const canvas = new Canvas(drawing, name);
    for (const [low, high, label] of drawing.shades) canvas.column(low, high, "shade", {label});
    canvas.axes(drawing.labels);
    for (const [x0, y0, x1, y1, density] of drawing.cells) canvas.box([x0, y0, x1, y1], "cell", density.toFixed(2));
    drawing.rules.forEach((rule, number) => canvas.rule(rule, number));
    if (drawing.kind === "layers") canvas.layers(drawing.series);
    else if (drawing.kind === "columns") canvas.columns(drawing.series, drawing.tips);
    else for (const one of drawing.series) canvas.series(one, drawing.x_unit, !drawing.tips.length);
    for (const [low, high, tip] of drawing.tips) canvas.column(low, high, "tip", {tip});
    return canvas.svg;
  }

  function keys(drawing) {
    const named = drawing.series.map(({label, style}) => [label, style]);
    if (drawing.cells.length) named.push(["operations: stronger means more", "heat"]);
    const caption = document.createElement("figcaption");
    const isPlain = named.length === 1 && drawing.kind === "lines";
    for (const [label, style] of isPlain ? [] : named) {
      const key = document.createElement("span");
      key.className = `key ${style}`;
      key.textContent = label;
      caption.append(key);
    }
    return caption;
  }

  /** Show a drawing in a figure, in the size that fits the window now; null says that there is nothing to draw. */
  function show(figure, drawing) {
    shown.set(figure, drawing);
    if (drawing) {
      figure.replaceChildren(keys(drawing), draw(drawing, narrow.matches ? "narrow" : drawing.size));
    } else {
      const words = document.createElement("p");
      words.className = "muted";
      words.textContent = "There is nothing to draw yet.";
      figure.replaceChildren(words);
    }
    document.dispatchEvent(new Event("redrawn"));
  }

  narrow.addEventListener("change", () => shown.forEach((drawing, figure) => show(figure, drawing)));
  return {draw, show};
})();
