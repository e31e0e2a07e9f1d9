"""What tests share: stories, stand-ins for the outside, real servers, and clients.

No test is here.
"""
