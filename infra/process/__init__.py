"""The processes: command entry points, the web server, offline commands, logging and shutdown."""
