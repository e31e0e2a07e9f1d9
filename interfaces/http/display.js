// Mouse and keyboard of a display that is shown in a video element, as tenure takes them.
const SPECIAL = {
  Backspace: 0xff08, Tab: 0xff09, Enter: 0xff0d, Pause: 0xff13, Escape: 0xff1b, Home: 0xff50, ArrowLeft: 0xff51,
  ArrowUp: 0xff52, ArrowRight: 0xff53, ArrowDown: 0xff54, PageUp: 0xff55, PageDown: 0xff56, End: 0xff57,
  Insert: 0xff63, ContextMenu: 0xff67, Shift: 0xffe1, Control: 0xffe3, CapsLock: 0xffe5, Meta: 0xffe7, Alt: 0xffe9,
  AltGraph: 0xfe03, Delete: 0xffff,
};
for (let n = 1; n <= 12; n++) SPECIAL["F" + n] = 0xffbd + n;
const BUTTONS = [1, 2, 3];

function keysym(key) {
  if (SPECIAL[key]) return SPECIAL[key];
  const point = key.codePointAt(0);
  if (String.fromCodePoint(point) !== key) return 0;
  return point <= 0xff ? point : 0x01000000 + point;
}

function place(video, event) {
  const box = video.getBoundingClientRect(), w = video.videoWidth, h = video.videoHeight;
  if (!w) return {};
  const scale = Math.min(box.width / w, box.height / h);
  return {
    x: Math.round((event.clientX - box.left - (box.width - w * scale) / 2) / scale),
    y: Math.round((event.clientY - box.top - (box.height - h * scale) / 2) / scale),
  };
}

// `control(kind, data)` is told of all that is done there.
function controls(video, control) {
  let moved = 0;
  video.onmousemove = (event) => {
    if (event.timeStamp - moved > 30) { moved = event.timeStamp; control("move", place(video, event)); }
  };
  video.onmousedown = (event) => {
    video.focus();
    control("buttondown", {...place(video, event), code: BUTTONS[event.button] || 1});
    event.preventDefault();
  };
  video.onmouseup = (event) => control("buttonup", {...place(video, event), code: BUTTONS[event.button] || 1});
  video.onwheel = (event) => {
    control("scroll", {...place(video, event), delta_x: Math.sign(event.deltaX), delta_y: Math.sign(event.deltaY)});
    event.preventDefault();
  };
  video.oncontextmenu = (event) => event.preventDefault();
  video.onkeydown = (event) => { control("keydown", {keysym: keysym(event.key)}); event.preventDefault(); };
  video.onkeyup = (event) => { control("keyup", {keysym: keysym(event.key)}); event.preventDefault(); };
}
