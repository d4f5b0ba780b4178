// Two pictures, or two videos, over one another, with a divider between them and a loupe.

const ZOOM = 3, LOUPE_PX = 190;

export class Compare {
  constructor(place, label) {
    this.element = document.createElement("div");
    this.element.className = "compare";
    this.element.innerHTML = `
      <div class="layer after"></div><div class="layer before"></div>
      <span class="tag left">before</span><span class="tag right">after</span>
      <div class="divider" role="slider" tabindex="0" aria-valuemin="0" aria-valuemax="100"></div>
      <canvas class="loupe" width="${LOUPE_PX * 2}" height="${LOUPE_PX * 2}" hidden></canvas>`;
    place.replaceChildren(this.element);
    this.divider = this.element.querySelector(".divider");
    this.divider.setAttribute("aria-label", label);
    this.canvas = this.element.querySelector("canvas");
    this.at = 50;
    this.spot = [0.5, 0.5];
    this.loupe = false;
    this.element.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      this.element.setPointerCapture(event.pointerId);
      this.dragging = true;
      this.follow(event);
      this.divider.focus({ preventScroll: true });
      event.preventDefault();
    });
    this.element.addEventListener("pointermove", (event) => {
      if (this.dragging) this.follow(event);
      else if (this.loupe) this.look(...this.placeOf(event));
    });
    for (const kind of ["pointerup", "pointercancel"]) {
      this.element.addEventListener(kind, () => { this.dragging = false; });
    }
    this.divider.addEventListener("keydown", (event) => {
      if (event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return;
      const moved = { ArrowLeft: this.at - 2, ArrowRight: this.at + 2, Home: 0, End: 100 }[event.key];
      if (moved === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      this.divide(moved);
    });
    this.divide(50);
    this.show(null, null);
  }

  // Elements of one size; `before` may be missing, as where only a result can be shown.
  show(before, after) {
    this.before = before;
    this.after = after;
    this.element.querySelector(".before").replaceChildren(...(before ? [before] : []));
    this.element.querySelector(".after").replaceChildren(...(after ? [after] : []));
    this.element.classList.toggle("empty", !after);
    this.element.classList.toggle("single", !before || !after);
    this.draw();
  }

  placeOf(event) {
    const box = this.element.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  follow(event) {
    const [x, y] = this.placeOf(event);
    this.divide(x * 100);
    if (this.loupe) this.look(x, y);
  }

  divide(at) {
    this.at = Math.max(0, Math.min(100, at));
    this.element.style.setProperty("--at", `${this.at}%`);
    this.divider.setAttribute("aria-valuenow", String(Math.round(this.at)));
  }

  setLoupe(on) {
    this.loupe = on;
    this.canvas.hidden = !on;
    this.look(...this.spot);
  }

  // The key moves the loupe, where it is shown; says whether it did.
  key(event) {
    const step = 0.02;
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (!this.loupe || !event.shiftKey || !by) return false;
    this.look(this.spot[0] + by[0], this.spot[1] + by[1]);
    return true;
  }

  look(x, y) {
    this.spot = [Math.max(0, Math.min(1, x)), Math.max(0, Math.min(1, y))];
    this.canvas.style.setProperty("left", `${this.spot[0] * 100}%`);
    this.canvas.style.setProperty("top", `${this.spot[1] * 100}%`);
    this.draw();
  }

  // Before on the left of the lens and after on its right, both of the spot it lies on.
  draw() {
    if (!this.loupe || !this.after) return;
    const context = this.canvas.getContext("2d"), size = this.canvas.width;
    context.clearRect(0, 0, size, size);
    context.imageSmoothingEnabled = false;
    const shown = this.element.getBoundingClientRect().width || 1;
    const halves = this.before ? [[this.before, 0, size / 2], [this.after, size / 2, size]] : [[this.after, 0, size]];
    for (const [picture, from, to] of halves) {
      const width = picture.videoWidth || picture.naturalWidth, height = picture.videoHeight || picture.naturalHeight;
      if (!width) continue;
      // Of the picture's own pixels, so that it is never less than what is there.
      const side = Math.min((LOUPE_PX / ZOOM) * (width / shown), LOUPE_PX / 2);
      const [x, y] = [this.spot[0] * width - side / 2, this.spot[1] * height - side / 2];
      const scale = size / side;
      context.save();
      context.beginPath();
      context.rect(from, 0, to - from, size);
      context.clip();
      context.drawImage(picture, -x * scale, -y * scale, width * scale, height * scale);
      context.restore();
    }
    if (this.before) {
      context.fillStyle = "#fff";
      context.fillRect(size / 2 - 1, 0, 2, size);
    }
  }
}
