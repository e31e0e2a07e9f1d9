"""The processes: the command's entry point, the web server, commands without a server, logging and shutdown.

What a process is made of is put together in `infra/wiring/`, not here.
"""
