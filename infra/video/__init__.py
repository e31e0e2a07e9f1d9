"""Pictures of screens: VNC in, VP8 and WebRTC out, and screenshots.

Which machine is shown to whom is decided in `application/`.
"""
