// Draws the landmarks of a frame: body, face, hands, and the trails of the wrists.
const ARMS = [[11, 13], [13, 15], [12, 14], [14, 16]];
const FINGERS = [1, 5, 9, 13, 17].map((knuckle) => [0, knuckle, knuckle + 1, knuckle + 2, knuckle + 3]);
const PALM = [0, 5, 9, 13, 17], TORSO = [11, 12, 24, 23];
const TRAIL_FRAMES = 24;
const RESTING = {
  pose: {
    2: [.52, .33], 5: [.48, .33], 7: [.53, .34], 8: [.47, .34], 9: [.51, .365], 10: [.49, .365],
    11: [.62, .45], 12: [.38, .45], 13: [.66, .61], 14: [.34, .61], 15: [.58, .74], 16: [.42, .74], 23: [.58, .75], 24: [.42, .75],
  },
  hands: { left: null, right: null },
};

export class Figure {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.clear();
  }

  clear() {
    this.trails = { left: [], right: [] };
  }

  draw({ pose, hands }) {
    this.fit(pose);
    this.pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.pen.lineCap = this.pen.lineJoin = "round";
    const body = this.color("body");
    this.line(TORSO.map((point) => pose[point]), body, 10, .16);
    for (const arm of ARMS) this.line(arm.map((point) => pose[point]), body, 9);
    this.drawFace(pose, body);
    for (const [side, wrist] of [["left", 15], ["right", 16]]) this.drawHand(side, hands[side], pose[wrist]);
  }

  // Until there are landmarks: they need not begin where this figure stands.
  drawResting() {
    this.draw(RESTING);
    this.view = null;
  }

  drawHand(side, points, wrist) {
    const trail = this.trails[side], ink = this.color(side);
    trail.push(points ? wrist : null);
    if (trail.length > TRAIL_FRAMES) trail.shift();
    for (let i = 1; i < trail.length; i++) {
      this.pen.globalAlpha = .5 * i / trail.length;
      if (trail[i - 1] && trail[i]) this.line([trail[i - 1], trail[i]], ink, 6);
    }
    this.pen.globalAlpha = 1;
    if (!points) return;
    this.line(PALM.map((point) => points[point]), ink, 4, .35);
    for (const finger of FINGERS) this.line(finger.map((point) => points[point]), ink, 4.5);
  }

  drawFace(pose, ink) {
    const pen = this.pen, radius = .105 * this.canvas.height;
    const [x, y] = this.place([(pose[7][0] + pose[8][0]) / 2, (pose[7][1] + pose[8][1]) / 2]);
    pen.beginPath();
    pen.ellipse(x, y, .82 * radius, radius, 0, 0, 7);
    pen.strokeStyle = pen.fillStyle = ink;
    pen.lineWidth = 8 * this.canvas.height / 560;
    pen.stroke();
    pen.globalAlpha = .16;
    pen.fill();
    pen.globalAlpha = 1;
    for (const eye of [2, 5]) {
      pen.beginPath();
      pen.arc(...this.place(pose[eye]), .012 * this.canvas.height, 0, 7);
      pen.fill();
    }
    this.line([pose[9], pose[10]], ink, 5);
  }

  // The body stays in the middle and of the same size, however far from the camera it is.
  fit(pose) {
    this.canvas.width = Math.round(this.canvas.clientWidth * devicePixelRatio);
    this.canvas.height = Math.round(this.canvas.clientHeight * devicePixelRatio);
    const middle = (one, other) => [0, 1].map((axis) => (pose[one][axis] + pose[other][axis]) / 2);
    const shoulders = middle(11, 12), hips = middle(23, 24);
    const wanted = [shoulders[0], shoulders[1], Math.hypot(shoulders[0] - hips[0], shoulders[1] - hips[1]) || .3];
    this.view = this.view ? this.view.map((value, i) => value + .25 * (wanted[i] - value)) : wanted;
  }

  place([x, y]) {
    const unit = .4 * this.canvas.height / this.view[2];
    return [this.canvas.width / 2 + (x - this.view[0]) * unit, .46 * this.canvas.height + (y - this.view[1]) * unit];
  }

  line(points, ink, width, fillAlpha = 0) {
    const pen = this.pen;
    pen.beginPath();
    for (const point of points) pen.lineTo(...this.place(point));
    if (fillAlpha) pen.closePath();
    pen.lineWidth = width * this.canvas.height / 560;
    pen.strokeStyle = pen.fillStyle = ink;
    pen.stroke();
    if (!fillAlpha) return;
    const before = pen.globalAlpha;
    pen.globalAlpha = fillAlpha;
    pen.fill();
    pen.globalAlpha = before;
  }

  // A computed color, since canvases do not know light-dark().
  color(name) {
    this.canvas.style.color = `var(--${name})`;
    return getComputedStyle(this.canvas).color;
  }
}
