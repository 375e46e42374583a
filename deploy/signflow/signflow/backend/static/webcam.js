// Finds landmarks in the pictures of a webcam, which stay in the browser.
export const NOBODY = { pose: Array(33).fill([null, null, null]), hands: { left: null, right: null } };

export class Webcam {
  // `onProgress(text, part)` tells what is being loaded; `onFrame(frame, isSomebody)` gets each frame.
  constructor(library, video, onProgress, onFrame) {
    Object.assign(this, { library, video, onFrame, isRunning: false });
    this.onProgress = (text, part) => { if (this.isRunning || !text) onProgress(text, part); };
  }

  async run() {
    this.isRunning = true;
    try {
      if (!navigator.mediaDevices) throw new Error("browsers open it on pages of https and of localhost alone");
      this.onProgress("Waiting for the camera", .1);
      this.video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
      if (!this.isRunning) return;  // it was stopped while the browser asked
      this.video.hidden = false;
      await this.video.play();
      const holistic = await this.load();
      while (this.isRunning) {
        await holistic.send({ image: this.video });
        await new Promise(requestAnimationFrame);
      }
      await holistic.close();
    } finally {
      this.stop();
    }
  }

  stop() {
    this.isRunning = false;
    for (const track of this.video.srcObject?.getTracks() ?? []) track.stop();
    this.video.srcObject = null;
    this.video.hidden = true;
    this.onProgress("", 1);
  }

  async load() {
    this.onProgress("Loading the landmark library", .3);
    if (!window.Holistic) await loadScript(`${this.library}/holistic.js`);
    let files = 0;
    const locateFile = (file) => {
      this.onProgress(`Loading ${file}`, Math.min(.9, .3 + .1 * ++files));
      return `${this.library}/${file}`;
    };
    const holistic = new window.Holistic({ locateFile });
    holistic.setOptions({ modelComplexity: 1, smoothLandmarks: true });
    holistic.onResults((results) => this.receive(results));
    await holistic.initialize();
    this.onProgress("Looking at the first picture", .95);
    return holistic;
  }

  receive({ poseLandmarks, leftHandLandmarks, rightHandLandmarks }) {
    if (!this.isRunning) return;
    this.onProgress("", 1);
    const points = (landmarks) => landmarks?.map(({ x, y, z }) => [x, y, z]) ?? null;
    const hands = { left: points(leftHandLandmarks), right: points(rightHandLandmarks) };
    this.onFrame(poseLandmarks ? { pose: points(poseLandmarks), hands } : NOBODY, Boolean(poseLandmarks));
  }
}

function loadScript(src) {
  return new Promise((resolve, reject) => {
    const onerror = () => reject(new Error(`${src} cannot be loaded`));
    document.head.append(Object.assign(document.createElement("script"), { src, onload: resolve, onerror }));
  });
}
