"""Pictures of screens: VNC in, VP8 over WebRTC out, and previews.

Who may see which machine is decided in `domain/` and `application/`; a hypervisor or an engine opens the connection to
a display. Importing `webrtc_*` and `vp8` loads codecs: `lazy_consoles` defers that.
"""
